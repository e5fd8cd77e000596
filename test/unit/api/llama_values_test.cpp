#include "common/api/llama_values.hpp"

#include <cstdlib>

#include "test/catch.hpp"

namespace {

/// What `--flag value` is refused for; empty when it is taken.
std::string refused(std::string_view flag, std::string_view value) {
  return api::value_refused(*api::find_llama_flag(flag), value).value_or("");
}

std::string_view cut(std::string_view flag, std::string_view value) {
  return api::value_cut(*api::find_llama_flag(flag), value);
}

}  // namespace

TEST_CASE("whole numbers are read as stoi reads them") {
  for (const auto* value : {"4096", "-1", "+3", " 7", "12abc", "1.5", "2147483647", "0000000000000000001"})
    CHECK(refused("--ctx-size", value).empty());
  for (const auto* value : {"abc", "", "-", "2147483648", "99999999999999999999"})
    CHECK(refused("--ctx-size", value) == "a whole number");
  CHECK(refused("--seed", "4294967296").empty());
  CHECK(refused("--n-cpu-moe", "-1") == "a whole number from 0 on");
  CHECK(refused("--prio", "4") == "a whole number from -1 to 3");
  CHECK(refused("--parallel", "0") == "a whole number other than 0");
}

TEST_CASE("words are those that the program takes") {
  CHECK(refused("--n-gpu-layers", "all").empty());
  CHECK(refused("--n-gpu-layers", "99").empty());
  CHECK(refused("--n-gpu-layers", "x") == "all, auto or a whole number");
  CHECK(refused("--cache-type-k", "q8_0").empty());
  CHECK(refused("--cache-type-k", "q9") == "one of bf16, f16, f32, iq4_nl, q4_0, q4_1, q5_0, q5_1, q8_0");
  CHECK(refused("--numa", "").empty());
  CHECK(refused("--spec-type", "draft-simple,ngram-mod").empty());
  CHECK_FALSE(refused("--spec-type", "draft-simple,").empty());
}

TEST_CASE("numbers, JSON and forms") {
  for (const auto* value : {"0.5", ".5", "-1e3", "0x10", "nan", "3abc"}) CHECK(refused("--temp", value).empty());
  for (const auto* value : {"", "abc", "1e400"}) CHECK(refused("--temp", value) == "a number");
  CHECK(refused("--tensor-split", "3,1").empty());
  CHECK(refused("--fit-target", "99999999999,1").empty());
  CHECK(refused("--chat-template-kwargs", R"({"a": 1})").empty());
  CHECK(refused("--chat-template-kwargs", "{a: 1}") == "JSON");
  CHECK(refused("--override-kv", "a.b=bool:true,c=int:1").empty());
  CHECK_FALSE(refused("--override-kv", "a.b=true").empty());
  CHECK_FALSE(refused("--override-tensor", "exps").empty());
  CHECK_FALSE(refused("--lora-scaled", "/a.gguf").empty());
}

TEST_CASE("what only the machine or the user can know is taken") {
  for (const auto* flag : {"--device", "--model", "--chat-template", "--lora", "--slot-save-path", "--rpc"})
    CHECK(refused(flag, "anything at all").empty());
  // The kubelet fills variables into a command line; nobody does it in the preset.
  CHECK(refused("--timeout", "$(SECONDS)").empty());
  CHECK_FALSE(refused("--ctx-size", "$(SIZE)").empty());
}

TEST_CASE("what is told without reading the column is what reading it tells") {
  for (const auto* value :
       {"0", "-1", "0.7", "-.5", ".", "-", "-0.", "123456789", "1234567890", "0.7x", "--1", "1.2.3", ""}) {
    CAPTURE(value);
    char* end = nullptr;
    static_cast<void>(std::strtod(value, &end));
    CHECK(refused("--temp", value).empty() == (end != value));
    CHECK((cut("--temp", value).empty() || end == value) == (end == value || *end == 0));
  }
}

TEST_CASE("what is dropped of a number is told") {
  CHECK(cut("--ctx-size", "8k") == "8");
  CHECK(cut("--ctx-size", "1.5") == "1");
  CHECK(cut("--ctx-size", "-1").empty());
  CHECK(cut("--temp", "0.5").empty());
  CHECK(cut("--temp", "0,5") == "0");
  CHECK(cut("--tensor-split", "3,1").empty());
  CHECK(cut("--n-gpu-layers", "all").empty());
  CHECK(cut("--model", "8k").empty());
}
