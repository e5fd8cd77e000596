#include "reconciler/options.hpp"

#include <CLI/CLI.hpp>

#include "common/base/file.hpp"
#include "common/base/text.hpp"
#include "common/net/api_config.hpp"

namespace reconciler {
namespace {

constexpr int kBadFlags = 2;

void add_flags(CLI::App& app, Options& options, std::vector<std::string>& images, std::string& cache_mode) {
  Settings& settings = options.settings;
  app.add_option("--listen", options.listen, "address of /healthz, /readyz and /metrics");
  app.add_option("--image", settings.image, "this program's image, for fetch Jobs and agents (required)");
  app.add_option("--runtime-image", images, "llama-server's image: ACCELERATOR=IMAGE, for cpu, cuda, vulkan, rocm")
      ->check(CLI::Validator(api::runtime_image_problem, "", ""));
  app.add_option("--image-pull-policy", settings.image_pull_policy, "pull policy of all containers")
      ->check(CLI::IsMember({"Always", "IfNotPresent", "Never"}));
  app.add_option("--model-cache-size", settings.model_cache_size, "size of the claims that hold models");
  app.add_option("--model-cache-storage-class", settings.model_cache_storage_class,
                 "their StorageClass; empty: the cluster's default");
  app.add_option("--model-cache-access-mode", settings.model_cache_access_mode, "access mode of the shared claim")
      ->check(CLI::IsMember({"ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"}));
  app.add_option("--model-cache-mode", cache_mode, "one claim for a namespace, or one per service")
      ->check(CLI::IsMember({"shared", "perService"}));
  app.add_option("--default-fsgroup", settings.default_fs_group, "fsGroup of Pods that mount models");
  app.add_option("--watch-namespace", options.watch_namespaces, "namespace to serve (repeatable); default: all");
  app.add_option("--runtimes", settings.runtimes, "runtimes that are ours (repeatable)");
  app.add_option("--cluster-domain", settings.cluster_domain, "DNS domain of the cluster");
  app.add_option("--ca-configmap", settings.ca_configmap,
                 "ConfigMap with CA certificates (key ca.crt) that fetch Jobs trust as well");
  app.add_flag("--gate,!--no-gate", settings.gate, "send requests through the agent's gate where scheduling is Fair");
  app.add_option("--namespace", options.own_namespace, "own namespace; default: the service account's");
  app.add_option("--leader-elect", options.leader_elect, "write only while holding the Lease");
  app.add_option("--lease-name", options.lease_name, "name of the Lease");
  app.add_option("--webhook-service", options.webhook_service,
                 "the webhook's Service: make and rotate its certificates; empty: they are not ours");
  app.add_option("--webhook-secret", options.webhook_secret, "Secret for the webhook's certificates");
  app.add_option("--mutating-webhook-configuration", options.mutating_configuration, "gets the CA");
  app.add_option("--validating-webhook-configuration", options.validating_configuration, "gets the CA");
  app.add_option("--kubeconfig", options.kubeconfig, "for runs outside a cluster; read again when it changes");
  app.add_option("--workers", options.workers, "objects worked on at once")->check(CLI::Range(1, 64));
  app.add_option("--log-level", options.log_level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
}

std::string mounted_namespace() {
  const auto text = base::read_file(std::string(net::kServiceAccountDir) + "/namespace");
  return text ? std::string(base::trim(*text)) : std::string{};
}

/// Mistakes that concern more than one flag; empty when there is none.
std::string check_together(const Options& options) {
  if (options.settings.image.empty()) return "--image is required";
  const bool needs_namespace = options.leader_elect || !options.webhook_service.empty();
  if (needs_namespace && options.own_namespace.empty()) return "--namespace is required outside a cluster";
  if (!options.webhook_service.empty() && options.webhook_secret.empty())
    return "--webhook-service needs --webhook-secret";
  return {};
}

}  // namespace

ParsedOptions parse_options(int argc, const char* const* argv) {
  ParsedOptions parsed;
  Options& options = parsed.options;
  CLI::App app("Makes InferenceServices run: claims, fetch Jobs, Deployments, Services, status.", "reconciler");
  app.set_version_flag("--version", LLMKUBE_ROUTER_VERSION);
  app.option_defaults()->always_capture_default();
  std::vector<std::string> images;
  std::string cache_mode = "shared";
  add_flags(app, options, images, cache_mode);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    parsed.exit_code = app.exit(problem) == 0 ? 0 : kBadFlags;
    return parsed;
  }
  options.settings.runtime_images = api::read_runtime_images(images);
  options.settings.model_cache_mode = cache_mode == "shared" ? CacheMode::shared : CacheMode::per_service;
  if (options.own_namespace.empty()) options.own_namespace = mounted_namespace();
  if (const auto mistake = check_together(options); !mistake.empty()) {
    std::fprintf(stderr, "reconciler: %s\n", mistake.c_str());
    parsed.exit_code = kBadFlags;
  }
  return parsed;
}

}  // namespace reconciler
