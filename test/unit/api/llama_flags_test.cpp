#include "common/api/llama_flags.hpp"

#include <set>

#include "common/api/runtime_images.hpp"
#include "test/catch.hpp"

using api::FlagProblem;
using api::FlagUse;

TEST_CASE("the table holds the whole build") {
  CHECK(api::llama_flags().size() == 258);
  std::set<std::string_view> keys;
  for (const auto& flag : api::llama_flags()) CHECK(keys.insert(flag.key).second);
}

TEST_CASE("a flag is found by each of its names") {
  for (const char* name : {"-c", "--ctx-size", "--ctx_size"}) CHECK(api::find_llama_flag(name)->key == "ctx-size");
  CHECK(api::find_llama_flag("--no-kv-offload")->key == "kv-offload");
  CHECK(api::find_llama_flag("-ngl")->key == "n-gpu-layers");
  CHECK(api::find_llama_flag("--mlock") == nullptr);
  CHECK(api::find_llama_flag("") == nullptr);
  CHECK(api::find_llama_flag_by_env("LLAMA_ARG_MODEL")->key == "model");
  CHECK(api::nearest_llama_flag("--ctx-sise") == "--ctx-size");
  CHECK(api::nearest_llama_flag("--no-mmap") == "--load-mode none");
  CHECK(api::find_llama_flag("--load-mode") != nullptr);
  CHECK(api::nearest_llama_flag("--qqqqqqqqqq").empty());
}

TEST_CASE("policies stand in the rows of their flags") {
  CHECK(api::find_llama_flag("--host")->use == FlagUse::reserved);
  CHECK(api::find_llama_flag("--help")->use == FlagUse::reserved);
  CHECK(api::find_llama_flag("--models-max")->use == FlagUse::reserved);
  CHECK(api::find_llama_flag("--threads-http")->use == FlagUse::server);
  CHECK(api::find_llama_flag("--ctx-size")->instead == "contextSize");
}

TEST_CASE("a flag of two values cannot be joined with one") {
  const auto flags =
      api::parse_llama_flags({"--control-vector-layer-range=1", "--control-vector-layer-range", "1", "2"});
  REQUIRE(flags.size() == 2);
  CHECK(flags[0].problem == FlagProblem::value_missing);
  CHECK(flags[1].problem == FlagProblem::none);
  CHECK(flags[1].value == "1 2");
}

TEST_CASE("flags that take a comma list join, others do not") {
  CHECK(api::joins_values(*api::find_llama_flag("-ot")));
  CHECK(api::joins_values(*api::find_llama_flag("--lora")));
  CHECK_FALSE(api::joins_values(*api::find_llama_flag("--logit-bias")));
}

TEST_CASE("an argument list is read as llama-server reads it") {
  const auto flags = api::parse_llama_flags(
      {"-c", "4096", "--no-warmup", "--seed", "-1", "--threads=3", "--chat-template-kwargs", "{\"a\": \"b=c\"}"});
  REQUIRE(flags.size() == 5);
  CHECK(flags[0].key() == "ctx-size");
  CHECK(flags[0].value == "4096");
  CHECK(flags[0].value_index == 1);
  CHECK(flags[1].key() == "warmup");
  CHECK(flags[1].value == "false");
  CHECK(flags[2].value == "-1");
  CHECK(flags[3].key() == "threads");
  CHECK(flags[3].value == "3");
  CHECK(flags[4].value == "{\"a\": \"b=c\"}");
  for (const auto& flag : flags) CHECK(flag.problem == FlagProblem::none);
}

TEST_CASE("what another build may know has the form of a preset's key") {
  const auto flags = api::parse_llama_flags({"--newer-flag", "7", "--newer-switch", "--no-newer", "--newer=a b",
                                             "--Odd", "--under_score", "--", "--seed", "1", "-9", "--load-on-startup"});
  REQUIRE(flags.size() == 10);
  const auto may_be = [&](std::size_t i) { return flags[i].may_be_known_elsewhere(); };
  for (const std::size_t i : {0U, 1U, 2U, 3U}) CHECK(may_be(i));
  for (const std::size_t i : {4U, 5U, 6U, 7U, 8U, 9U}) CHECK_FALSE(may_be(i));
  CHECK(flags[0].key() == "newer-flag");
  CHECK(flags[0].value == "7");
  CHECK(flags[1].value == "true");
  CHECK(flags[2].key() == "no-newer");
  CHECK(flags[3].value == "a b");
}

TEST_CASE("an image that a service names may be of another build, unless its tag says the table's") {
  CHECK_FALSE(api::may_be_other_build(""));
  CHECK_FALSE(api::may_be_other_build("mirror.example/llama.cpp:server-cuda-b11669"));
  CHECK_FALSE(api::may_be_other_build("mirror.example/llama.cpp:server-b11669@sha256:0123"));
  CHECK(api::may_be_other_build("ghcr.io/ggml-org/llama.cpp:server-b12000"));
  CHECK(api::may_be_other_build("ghcr.io/ggml-org/llama.cpp:server"));
  CHECK(api::may_be_other_build("mirror.example/llama.cpp@sha256:0123"));
}

TEST_CASE("--runtime-image takes an accelerator and its image") {
  for (const char* wrong : {"", "cuda", "cuda=", "tpu=x", "=x", "cpu x"})
    CHECK(api::runtime_image_problem(wrong) != "");
  CHECK(api::runtime_image_problem("cuda=registry.example:5000/llama@sha256:0=1") == "");
  const auto images = api::read_runtime_images({"cpu=a", "cuda=x/llama:b11669", "tpu=x", "cpu=x/llama:server-b11669"});
  CHECK(images == api::RuntimeImages{{"cpu", "x/llama:server-b11669"}, {"cuda", "x/llama:b11669"}});
  CHECK_FALSE(api::any_may_be_other_build(images));
  CHECK_FALSE(api::any_may_be_other_build({}));
  CHECK(api::any_may_be_other_build(api::read_runtime_images({"cpu=x/llama:b11669", "rocm=x/llama:b12000"})));
}

TEST_CASE("what is wrong with an argument list is said by place") {
  const auto flags =
      api::parse_llama_flags({"word", "--mlock", "word", "-fa", "--jinja", "--no-warmup=1", "--ctx-size"});
  REQUIRE(flags.size() == 6);
  CHECK(flags[0].problem == FlagProblem::not_a_flag);
  CHECK(flags[1].problem == FlagProblem::unknown);
  CHECK(flags[1].key() == "mlock");
  CHECK(flags[1].value == "word");
  CHECK(flags[2].problem == FlagProblem::value_missing);
  CHECK(flags[3].problem == FlagProblem::none);
  CHECK(flags[4].problem == FlagProblem::value_unexpected);
  CHECK(flags[5].problem == FlagProblem::value_missing);
}
