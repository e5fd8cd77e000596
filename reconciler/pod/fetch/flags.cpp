#include "reconciler/pod/fetch/flags.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "common/base/file.hpp"
#include "common/base/log.hpp"
#include "common/base/text.hpp"

namespace fetch {
namespace {

constexpr const char* kFooter = R"(Sources:
  https://host/path/file.gguf       one file (http:// too); a folder (with --file) ends in a slash
  hf://org/repo[@rev][/file.gguf]   Hugging Face, also by web URL, or org/repo with --file
  s3://bucket/key                   any S3 service, path style
  pvc://claim/path/file.gguf        files that are there: verified below --to, nothing is written
Environment: HF_TOKEN, HF_ENDPOINT; AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION
  or AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL; http_proxy, https_proxy, all_proxy, no_proxy.
Exit status: 0 done, 1 a retry may help (run it again: it resumes), 2 final.
By hand: model-fetch --source hf://org/repo/model.gguf --to /mnt/models --name my-model)";

/// Bad flags are a final failure of the Job, not a reason to try again.
constexpr int kBadFlags = 2;

std::string environment(const char* name, std::string otherwise = {}) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? std::string(base::trim(value)) : otherwise;
}

void read_environment(Options& options) {
  options.hf_token = environment("HF_TOKEN");
  options.hf_endpoint = environment("HF_ENDPOINT", options.hf_endpoint);
  options.aws.access_key = environment("AWS_ACCESS_KEY_ID");
  options.aws.secret_key = environment("AWS_SECRET_ACCESS_KEY");
  options.aws.session_token = environment("AWS_SESSION_TOKEN");
  options.aws.region = environment("AWS_REGION", environment("AWS_DEFAULT_REGION", "us-east-1"));
  options.aws_endpoint = environment("AWS_ENDPOINT_URL_S3", environment("AWS_ENDPOINT_URL"));
}

/// The first of the files that holds a token wins over the environment.
void read_token_files(CommandLine& line) {
  for (const auto& path : line.hf_token_files) {
    const auto text = base::read_file(path, 4096);
    if (!text || base::trim(*text).empty()) continue;
    line.options.hf_token = base::trim(*text);
    return;
  }
}

}  // namespace

std::expected<CommandLine, int> read_command_line(int argc, char** argv) {
  CommandLine line;
  auto& options = line.options;
  std::string refresh = "IfNotPresent";
  std::string level;
  double stall = 60;
  double retry_for = 900;
  CLI::App app("Puts one Model's files on a volume: resumable, verified, atomic.", "model-fetch");
  app.set_version_flag("--version", LLMKUBE_ROUTER_VERSION);
  app.footer(kFooter);
  app.option_defaults()->always_capture_default();
  app.add_option("--source", options.source, "spec.source of the Model")->required();
  app.add_option("--file", options.files, "a path in the repository; the first is the model (repeatable)");
  app.add_option("--mmproj", options.mmproj, "the multimodal projector's path in the repository");
  app.add_option("--sha256", options.sha256, "what the first file's SHA-256 must be")
      ->check(CLI::Validator(
          [](std::string& text) {
            const bool hex = text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
            return text.size() == 64 && hex ? std::string() : std::string("64 hex digits are needed");
          },
          "HEX"));
  app.add_option("--to", options.to, "the volume's folder")->required();
  app.add_option("--name", options.name, "the Model's name: the file's, for a source of one file");
  app.add_option("--key", options.key, "the folder below --to; empty: 16 hex digits of the source's SHA-256");
  app.add_option("--refresh", refresh, "OnChange: ask the source for a newer version of what is there")
      ->check(CLI::IsMember({"IfNotPresent", "OnChange"}));
  app.add_option("--ca-file", options.ca_file, "PEM of CAs to trust beside the system's");
  app.add_option("--hf-token-file", line.hf_token_files, "a file with a Hugging Face token (repeatable)");
  app.add_option("--listen", line.listen, "serve GET /progress here, as :8081; empty: nowhere");
  app.add_option("--termination-log", line.termination_log, "write the last line there too");
  app.add_option("--stall-seconds", stall, "no byte for so long: connect again")->check(CLI::PositiveNumber);
  app.add_option("--retry-seconds", retry_for,
                 "no new byte for so long, over all retries, and as long again where the host asks for waits: give up")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--max-streams", options.download.most_streams, "ranges at once, at most")->check(CLI::Range(1, 8));
  app.add_option("--rate-limit", options.rate_limit, "bytes per second; 0: no limit. A limit implies one stream")
      ->transform(CLI::AsSizeValue(false));
  app.add_option("--log-level", level, "debug, info, warning or error; not given: info, on a terminal warning")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return std::unexpected(app.exit(error) == 0 ? 0 : kBadFlags);
  }
  const auto milliseconds = [](double seconds) {
    return std::chrono::milliseconds{static_cast<std::chrono::milliseconds::rep>(seconds * 1000)};
  };
  options.download.stall = milliseconds(stall);
  options.download.retry_for = milliseconds(retry_for);
  options.on_change = refresh == "OnChange";
  for (auto& c : options.sha256) c = c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
  if (options.rate_limit > 0) options.download.most_streams = 1;
  read_environment(options);
  read_token_files(line);
  if (level.empty()) level = ::isatty(STDERR_FILENO) == 1 ? "warning" : "info";  // there a bar tells the progress
  (void)base::log::set_level(level);
  return line;
}

}  // namespace fetch
