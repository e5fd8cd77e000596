#include <malloc.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "common/base/log.hpp"
#include "common/base/signals.hpp"
#include "common/net/http_client.hpp"
#include "common/net/server.hpp"
#include "reconciler/pod/agent/agent.hpp"
#include "reconciler/pod/agent/gate/proxy.hpp"
#include "reconciler/pod/agent/routes.hpp"

namespace {

/// The exit status of a start that no restart mends, as that of all our programs.
constexpr int kBadFlags = 2;

struct Flags {
  std::string server = "http://127.0.0.1:8080";
  std::string config = "/etc/llmkube/agent.json";
  std::string preset = "/etc/llmkube/models.ini";
  std::string listen = ":8081";
  std::size_t max_loaded = 1;
  int load_timeout = 1800;
  int reload_timeout = 60;
  int drain_timeout = 55;
  int grace_period = 60;
  std::string child_logs;
  std::string gate_listen;
  std::size_t gate_max_body = 64;
  std::string api_key;
  std::string log_level = "info";
};

void add_flags(CLI::App& app, Flags& flags) {
  app.set_version_flag("--version", LLMKUBE_ROUTER_VERSION);
  app.add_option("--server", flags.server, "llama-server in router mode")->capture_default_str();
  app.add_option("--config", flags.config, "agent.json: what may change while the Pod runs")->capture_default_str();
  app.add_option("--preset", flags.preset, "the preset that llama-server reads")->capture_default_str();
  app.add_option("--listen", flags.listen, "where /healthz /readyz /state /metrics /drain are")->capture_default_str();
  app.add_option("--max-loaded", flags.max_loaded, "llama-server's --models-max")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--load-timeout-seconds", flags.load_timeout, "a longer load is ended and counts as failed")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  app.add_option("--reload-timeout-seconds", flags.reload_timeout,
                 "a reload of the preset waits so long for the models that it unloads to become idle")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  app.add_option("--drain-timeout-seconds", flags.drain_timeout, "/drain answers after this time at the latest")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  app.add_option("--grace-period-seconds", flags.grace_period,
                 "the Pod's terminationGracePeriodSeconds; a drain after which llama-server still answers is void then")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  app.add_option(
      "--child-logs", flags.child_logs,
      "the folder of the preset's log-file keys, made where it is missing: a failed load is told with its cause");
  app.add_option("--gate-listen", flags.gate_listen,
                 "where clients' requests come in; llama-server gets each when its turn has come. Empty: no gate");
  app.add_option(
         "--gate-max-body-mib", flags.gate_max_body,
         "a larger request body is answered 413; all clients together may hold twice as much, and 16 MiB of bodies up "
         "to 64 KiB")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--api-key", flags.api_key, "llama-server's API key, where it has one")->envname("LLAMA_API_KEY");
  app.add_option("--log-level", flags.log_level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
}

agent::Agent::Options agent_options(const Flags& flags) {
  return {.config_path = flags.config,
          .preset_path = flags.preset,
          .child_logs = flags.child_logs,
          .residency = {.max_loaded = flags.max_loaded,
                        .load_timeout = std::chrono::seconds{flags.load_timeout},
                        .reload_timeout = std::chrono::seconds{flags.reload_timeout}},
          .drain_timeout = std::chrono::seconds{flags.drain_timeout},
          .grace_period = std::chrono::seconds{flags.grace_period}};
}

int complain(const base::Error& error) {
  std::cerr << error.to_string() << '\n';
  return 1;
}

int run(const Flags& flags) {
  const base::Signals signals;
  // One arena: this program is measured in single MiB, and has few threads.
  mallopt(M_ARENA_MAX, 1);
  // What a large body held goes back to the system with it; glibc would keep ever larger ones for itself, and two
  // bodies that grow in turns then took twice their size.
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  (void)base::log::set_level(flags.log_level);  // one of those that it takes
  auto llama = agent::LlamaServer::make(flags.server, flags.api_key);
  if (!llama) return complain(llama.error());
  const base::SystemClock clock;
  base::MetricTable metrics(agent::metric_rows());
  agent::SharedScheduler scheduler(flags.max_loaded, metrics, clock);
  const bool has_gate = !flags.gate_listen.empty();
  agent::Agent agent(agent_options(flags), **llama, has_gate ? &scheduler : nullptr, metrics, clock);
  net::Server server({.listen = flags.listen, .workers = 1, .slow_workers = 3, .max_body_bytes = 64 << 10});
  agent::add_routes(server, agent);
  if (auto started = server.start(); !started) return complain(started.error());

  const auto target = net::parse_server_url(flags.server);
  if (!target) return complain(target.error());
  agent::Proxy gate({.listen = flags.gate_listen,
                     .server_host = target->host,
                     .server_port = static_cast<std::uint16_t>(target->port),
                     .agent_port = server.port(),
                     .max_body_bytes = flags.gate_max_body << 20U,
                     .large_bytes = flags.gate_max_body << 21U},
                    scheduler, clock);
  if (has_gate) {
    if (auto started = gate.start(); !started) return complain(started.error());
  }
  agent.start();
  base::log::info("started", {{"listen", flags.listen}, {"server", flags.server}, {"gate", flags.gate_listen}});
  const int number = signals.wait();
  base::log::info("stopping", {{"signal", number}});
  gate.stop();
  agent.stop();
  server.stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Keeps llama-server in router mode ready: preload, healing, hot reload, and whose turn it is.",
               "router-agent"};
  Flags flags;
  add_flags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : kBadFlags;
  }
  return run(flags);
}
