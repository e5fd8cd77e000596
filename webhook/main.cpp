#include <CLI/CLI.hpp>

#include "common/base/signals.hpp"
#include "webhook/serve.hpp"

namespace {

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
}

}  // namespace

int main(int argc, char** argv) {
  const base::Signals signals;
  CLI::App app{"Validates and defaults InferenceServices and Models: at apply (serve) and before it (check)."};
  app.set_version_flag("--version", LLMKUBE_ROUTER_VERSION);
  app.require_subcommand(0, 1);

  webhook::ServeOptions serve_options;
  add_serve_flags(app, serve_options);
  auto* serve = app.add_subcommand("serve", "answer the API server's admission reviews; the default");
  add_serve_flags(*serve, serve_options);

  CLI11_PARSE(app, argc, argv);
  return webhook::serve(serve_options, signals);
}
