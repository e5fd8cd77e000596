#include "reconciler/pod/agent/child_logs.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/base/file.hpp"
#include "test/catch.hpp"

using agent::cause_line;

namespace {

// As build 11669 wrote them.
constexpr std::string_view kTruncated =
    "0.00.142.891 E llama_model_load_from_file_impl: failed to load model\n"
    "0.00.144.631 E common_fit_params: encountered an error while trying to fit params to free device memory: failed "
    "to load model\n"
    "0.00.146.291 E llama_model_load: error loading model: tensor 'blk.1.attn_k.weight' data is not within the file "
    "bounds, model is corrupted or incomplete\n"
    "0.00.146.295 E llama_model_load_from_file_impl: failed to load model\n"
    "0.00.146.299 E cmn  common_init_: failed to load model '/m/a.gguf'\n"
    "0.00.146.302 E srv    load_model: failed to load model, '/m/a.gguf'\n"
    "0.00.146.304 I srv    operator(): operator(): cleaning up before exit...\n"
    "0.00.155.200 E srv  llama_server: exiting due to model loading error\n";
constexpr std::string_view kHtml =
    "0.00.088.581 E gguf_init_from_reader: invalid magic characters: '<htm', expected 'GGUF'\n"
    "0.00.088.663 E llama_model_load: error loading model: llama_model_loader: failed to load model from /m/a.gguf\n"
    "0.00.088.819 E srv    load_model: failed to load model, '/m/a.gguf'\n"
    "0.00.136.279 E srv  llama_server: exiting due to model loading error\n";
constexpr std::string_view kNoContext =
    "0.00.168.990 E llama_init_from_model: quantized V cache requires flash_attn to be enabled\n"
    "0.00.168.991 E cmn  common_init_: failed to create context with model '/m/a.gguf'\n"
    "0.00.168.995 E srv    load_model: failed to create_context with model '/m/a.gguf'\n"
    "0.00.223.986 E srv  llama_server: exiting due to model loading error\n";
constexpr std::string_view kNoProjector =
    "0.00.355.108 E gguf_init_from_file: failed to open GGUF file '/m/p.gguf' (No such file or directory)\n"
    "0.00.356.172 E clip_init: failed to load model '/m/p.gguf': clip_model_loader: failed to load CLIP model from "
    "/m/p.gguf. Does this file exist?\n\n"
    "0.00.358.877 E mtmd_init_from_file: error: Failed to load CLIP model from /m/p.gguf\n\n"
    "0.00.359.542 E srv    load_model: failed to load multimodal model, '/m/p.gguf'\n"
    "0.00.359.622 I srv    operator(): operator(): cleaning up before exit...\n"
    "0.00.367.204 E srv  llama_server: exiting due to model loading error\n";

struct Folder {
  std::string path = std::filesystem::temp_directory_path() / ("child-logs-test-" + std::to_string(::getpid()));
  ~Folder() { std::filesystem::remove_all(path); }
};

agent::Preset preset(const std::string& name) { return {{{name, {}, {}}}, "hash"}; }

}  // namespace

TEST_CASE("the cause of a failed load is the last error that no caller echoes") {
  CHECK(cause_line(kTruncated, true) ==
        "error loading model: tensor 'blk.1.attn_k.weight' data is not within the file bounds, model is corrupted or "
        "incomplete");
  CHECK(cause_line(kNoContext, true) == "quantized V cache requires flash_attn to be enabled");
  CHECK(cause_line(kHtml, true) == "invalid magic characters: '<htm', expected 'GGUF'");
  CHECK(cause_line(kNoProjector, true) == "error: Failed to load CLIP model from /m/p.gguf");
}

TEST_CASE("echoes alone are better than nothing, and nothing is made up") {
  CHECK(
      cause_line("0.1 E srv    load_model: failed to load model, '/m/a.gguf'\n0.2 E srv  llama_server: exiting due to "
                 "model loading error",
                 true) == "failed to load model, '/m/a.gguf'");
  CHECK(cause_line("", true).empty());
  CHECK(cause_line("0.00.1 I srv  all: is well\nA text with an E in it\n E x: y\n", true).empty());
  CHECK(cause_line("0.1 E no function here", true) == "no function here");
  CHECK(cause_line("0.1 E two words: here", true) == "here");
  CHECK(cause_line("0.1 E file '/a b': gone", true) == "file '/a b': gone");
}

TEST_CASE("of a model that was up, only the errors of its very end count") {
  const std::string old = "0.1 E srv  send_error: task id = 3, error: too long\n0.2 I srv  update: all is well\n";
  CHECK(cause_line(old, false).empty());
  CHECK(cause_line(old + "0.3 E ggml_cuda: out of memory\n0.4 E   current device: 0\n", false) == "out of memory");
  CHECK(cause_line(old, true) == "task id = 3, error: too long");
}

TEST_CASE("a child's log is made for all to write, told of, and cut when it grows") {
  const Folder folder;
  const agent::ChildLogs logs(folder.path);
  logs.prepare(preset("a"));
  struct stat status {};
  REQUIRE(::stat((folder.path + "/a.log").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0666U);
  CHECK_THAT(logs.cause("a", true), ContainsSubstring("did not take one of its settings"));
  CHECK(logs.cause("a", false).empty());
  CHECK(logs.cause("b", true).empty());
  CHECK(logs.cause("../a", true).empty());

  // Its writer keeps it open, as llama-server does.
  std::ofstream writer(folder.path + "/a.log", std::ios::trunc);
  writer << kHtml << std::flush;
  CHECK(logs.cause("a", true) == "invalid magic characters: '<htm', expected 'GGUF'");
  logs.prepare(preset("a"));
  logs.trim("a");
  CHECK_FALSE(logs.cause("a", true).empty());
  const std::string line(1023, 'x');
  for (int i = 0; i < 2000; ++i) writer << line << '\n';
  writer << std::flush;
  logs.trim("a");
  writer << "0.9 E ggml: the end\n" << std::flush;
  REQUIRE(::stat((folder.path + "/a.log").c_str(), &status) == 0);
  CHECK(status.st_blocks * 512 < 100'000);
  CHECK(logs.cause("a", false) == "the end");
}

TEST_CASE("without a folder there are no logs") {
  const agent::ChildLogs logs("");
  logs.prepare(preset("a"));
  logs.trim("a");
  CHECK(logs.cause("a", true).empty());
}
