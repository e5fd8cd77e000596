#include <CLI/CLI.hpp>
#include <iostream>
#include <map>

#include "common/api/runtime_images.hpp"
#include "common/base/signals.hpp"
#include "common/rules/docs.hpp"
#include "webhook/check/check.hpp"
#include "webhook/serve.hpp"

namespace {

/// Which build of llama-server runs where a service names no image decides what is said of flags.
void add_runtime_images(CLI::App& app, rules::Site& site) {
  app.add_option_function<std::vector<std::string>>(
         "--runtime-image",
         [&site](const std::vector<std::string>& texts) {
           site.other_build = api::any_may_be_other_build(api::read_runtime_images(texts));
         },
         "llama-server's image, as the reconciler has it: ACCELERATOR=IMAGE (repeatable); with one whose tag does not "
         "end in the build that the rules know, flags that they do not know are warnings")
      ->check(CLI::Validator(api::runtime_image_problem, "", ""))
      ->allow_extra_args(false);  // a PATH may follow
}

/// The flags of `serve`, which also work without the word.
void add_serve_flags(CLI::App& app, webhook::ServeOptions& options) {
  app.add_option("--listen", options.listen, "address of the admission port (TLS)")->capture_default_str();
  app.add_option("--health-listen", options.health_listen, "address of /healthz, /readyz, /metrics and PUT /loglevel")
      ->capture_default_str();
  app.add_option("--tls-cert", options.certificate_file, "PEM certificate chain; read again when it changes")
      ->capture_default_str();
  app.add_option("--tls-key", options.key_file, "PEM private key of the certificate")->capture_default_str();
  app.add_option("--log-level", options.log_level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.add_option_function<unsigned>(
         "--drain-seconds", [&options](unsigned seconds) { options.drain_time = std::chrono::seconds(seconds); },
         "after SIGTERM, how long to serve on while unready, until nobody is sent here any more")
      ->default_str("5");
  add_runtime_images(app, options.site);
}

using Format = webhook::CheckOptions::Format;

const std::map<std::string, Format> kFormats{
    {"text", Format::text}, {"json", Format::json}, {"sarif", Format::sarif}, {"github", Format::github}};

/// For `source <(webhook completion)`.
constexpr const char* kBashCompletion = R"bash(_webhook() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  case $before in
    -o|--output) COMPREPLY=($(compgen -W "text json sarif github" -- "$word")); return ;;
    --tls-cert|--tls-key) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --log-level) COMPREPLY=($(compgen -W "debug info warning error" -- "$word")); return ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "serve check rules completion --help --version" -- "$word"))
  elif [ "${COMP_WORDS[1]}" = check ] && [[ $word != -* ]]; then
    COMPREPLY=($(compgen -f -- "$word"))
  elif [ "${COMP_WORDS[1]}" = check ]; then
    COMPREPLY=($(compgen -W "--output --strict --defaults --runtime-image --help" -- "$word"))
  elif [ "${COMP_WORDS[1]}" = serve ]; then
    COMPREPLY=($(compgen -W "--listen --health-listen --tls-cert --tls-key --log-level --drain-seconds --runtime-image --help" -- "$word"))
  fi
}
complete -o filenames -F _webhook webhook
)bash";

constexpr const char* kCheckFooter =
    "Exit status: 0 clean, 1 findings, 2 something could not be read.\n"
    "\n"
    "  webhook check manifests/                     every .yaml, .yml and .json below the folder\n"
    "  helm template . | webhook check -            what a chart renders\n"
    "  webhook check --strict -o github manifests/  in a workflow: warnings fail, findings stand in the diff\n"
    "  webhook check --defaults isvc.yaml           the objects as the cluster would hold them";

/// The exit status of `check` for what it could not read, its own flags included.
constexpr int kUnreadable = 2;

/// The flags of `check`.
void add_check_flags(CLI::App& app, webhook::CheckOptions& options) {
  app.add_option_function<std::string>(
         "-o,--output", [&options](const std::string& word) { options.format = kFormats.at(word); },
         "text, json, sarif or github")
      ->check(CLI::IsMember({"text", "json", "sarif", "github"}))
      ->default_str("text");
  app.add_flag("--strict", options.strict, "warnings fail too");
  app.add_flag("--defaults", options.defaults,
               "print the objects as the cluster would hold them; findings go to standard error");
  add_runtime_images(app, options.site);
  app.add_option("PATH", options.paths, "files, folders, or - for standard input")->required();
  app.footer(kCheckFooter);
}

}  // namespace

int main(int argc, char** argv) {
  const base::Signals signals;
  CLI::App app{"Validates and defaults InferenceServices and Models: at apply (serve) and before it (check).",
               "webhook"};
  app.set_version_flag("--version", LLMKUBE_ROUTER_VERSION);
  app.require_subcommand(0, 1);

  webhook::ServeOptions serve_options;
  add_serve_flags(app, serve_options);
  auto* serve = app.add_subcommand("serve", "answer the API server's admission reviews; the default");
  add_serve_flags(*serve, serve_options);

  webhook::CheckOptions check_options;
  auto* check = app.add_subcommand("check", "judge manifests in files, as admission would, and say more");
  add_check_flags(*check, check_options);
  auto* completion = app.add_subcommand("completion", "print the completion of bash: source <(webhook completion)");
  auto* rules = app.add_subcommand("rules", "print all rules, with examples, as Markdown");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : kUnreadable;  // 0: --help and --version
  }
  if (*check) return webhook::run_check(check_options, std::cin, std::cout, std::cerr);
  if (*completion) {
    std::cout << kBashCompletion;
    return 0;
  }
  if (*rules) {
    std::cout << rules::rules_markdown();
    return 0;
  }
  return webhook::serve(serve_options, signals);
}
