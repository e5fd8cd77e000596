#include "common/api/llama_flags.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

#include "common/base/text.hpp"

namespace api {
namespace {

/// What we decide about a flag; flags without a row concern a model and have no field.
struct Policy {
  std::string_view key;
  FlagUse use;
  std::string_view instead;
};

constexpr FlagUse kModel = FlagUse::model;
constexpr FlagUse kServer = FlagUse::server;
constexpr FlagUse kReserved = FlagUse::reserved;

constexpr Policy kPolicies[] = {
    // Which model: a Model says it.
    {"model", kReserved, "name a Model in spec.models"},
    {"model-url", kReserved, "give the URL as spec.source of a Model"},
    {"docker-repo", kReserved, "give the files as spec.source of a Model"},
    {"hf-repo", kReserved, "give hf://org/repo as spec.source of a Model"},
    {"hf-file", kReserved, "list the file in spec.files of a Model"},
    {"hf-token", kReserved, "name a Secret in spec.sourceSecretRef of the Model"},
    {"hf-repo-draft", kReserved, "name a Model in spec.speculativeDecoding.draftModelRef"},
    {"mmproj", kReserved, "set spec.mmproj of the Model"},
    {"mmproj-url", kReserved, "set spec.mmproj of the Model"},
    {"alias", kReserved, "list the names in spec.models[].aliases"},
    {"embd-gemma-default", kReserved, "name a Model in spec.models"},
    {"fim-qwen-1.5b-default", kReserved, "name a Model in spec.models"},
    {"fim-qwen-3b-default", kReserved, "name a Model in spec.models"},
    {"fim-qwen-7b-default", kReserved, "name a Model in spec.models"},
    {"fim-qwen-7b-spec", kReserved, "name a Model in spec.models"},
    {"fim-qwen-14b-spec", kReserved, "name a Model in spec.models"},
    {"fim-qwen-30b-default", kReserved, "name a Model in spec.models"},
    {"gpt-oss-20b-default", kReserved, "name a Model in spec.models"},
    {"gpt-oss-120b-default", kReserved, "name a Model in spec.models"},
    {"vision-gemma-4b-default", kReserved, "name a Model in spec.models"},
    {"vision-gemma-12b-default", kReserved, "name a Model in spec.models"},
    // The router itself: spec.router says it.
    {"models-dir", kReserved, "name Models in spec.models"},
    {"models-preset", kReserved, "name Models in spec.models"},
    {"models-max", kReserved, "set spec.router.maxLoadedModels"},
    {"models-autoload", kReserved, "leave it out: a request loads its model"},
    {"sleep-idle-seconds", kReserved, "set spec.router.idleUnloadSeconds"},
    // How it is reached: the endpoint, the probes and the agent rest on it.
    {"host", kReserved, "set spec.bindAddress"},
    {"port", kReserved, "set spec.endpoint.port (Service) or spec.containerPort (container)"},
    {"reuse-port", kReserved, "leave it out: one server listens in a Pod"},
    {"api-prefix", kReserved, "leave it out: probes and the agent ask without a prefix"},
    {"api-key", kReserved, "leave it out and check keys in a gateway: the agent asks without one"},
    {"api-key-file", kReserved, "leave it out and check keys in a gateway: the agent asks without one"},
    {"ssl-key-file", kReserved, "leave it out and end TLS in a gateway: probes and the agent speak HTTP"},
    {"ssl-cert-file", kReserved, "leave it out and end TLS in a gateway: probes and the agent speak HTTP"},
    // Prints and ends.
    {"usage", kReserved, "leave it out: the server would print and end"},
    {"version", kReserved, "leave it out: the server would print and end"},
    {"cache-list", kReserved, "leave it out: the server would print and end"},
    {"completion-bash", kReserved, "leave it out: the server would print and end"},
    {"list-devices", kReserved, "leave it out: the server would print and end"},
    // Two values cannot stand in a preset: llama-server ends at start.
    {"control-vector-layer-range", kReserved, "leave it out: a preset cannot hold two values"},
    // The router process's own.
    {"path", kServer, {}},
    {"cors-origins", kServer, {}},
    {"cors-methods", kServer, {}},
    {"cors-headers", kServer, {}},
    {"cors-credentials", kServer, {}},
    {"webui", kServer, {}},
    {"webui-config", kServer, {}},
    {"webui-config-file", kServer, {}},
    {"webui-mcp-proxy", kServer, {}},
    {"mcp-servers-config", kServer, {}},
    {"mcp-servers-json", kServer, {}},
    {"threads-http", kServer, {}},
    {"timeout", kServer, {}},
    {"sse-ping-interval", kServer, {}},
    {"metrics", kServer, {}},
    {"offline", kServer, {}},
    {"log-disable", kServer, {}},
    {"log-file", kServer, {}},
    {"log-jsonl", kServer, {}},
    {"log-colors", kServer, {}},
    {"log-verbose", kServer, {}},
    {"log-verbosity", kServer, {}},
    {"log-prefix", kServer, {}},
    {"log-timestamps", kServer, {}},
    // A field says the same.
    {"ctx-size", kModel, "contextSize"},
    {"parallel", kModel, "parallelSlots"},
    {"flash-attn", kModel, "flashAttention"},
    {"cache-type-k", kModel, "cacheTypeK"},
    {"cache-type-v", kModel, "cacheTypeV"},
    {"batch-size", kModel, "batchSize"},
    {"ubatch-size", kModel, "uBatchSize"},
    {"n-gpu-layers", kModel, "gpuLayers"},
    {"jinja", kModel, "jinja"},
    {"cpu-moe", kModel, "moeCPUOffload"},
    {"n-cpu-moe", kModel, "moeCPULayers"},
    {"kv-offload", kModel, "noKvOffload"},
    {"warmup", kModel, "noWarmup"},
    {"override-tensor", kModel, "tensorOverrides"},
    {"override-kv", kModel, "metadataOverrides"},
    {"reasoning-budget", kModel, "reasoningBudget"},
    {"reasoning-budget-message", kModel, "reasoningBudgetMessage"},
    {"rope-scaling", kModel, "ropeScaling"},
    {"rope-scale", kModel, "ropeScaling"},
    {"yarn-orig-ctx", kModel, "ropeScaling"},
    {"spec-type", kModel, "speculativeDecoding"},
    {"spec-draft-n-max", kModel, "speculativeDecoding"},
    {"draft-p-min", kModel, "speculativeDecoding"},
    {"embeddings", kModel, "mode"},
    {"reranking", kModel, "mode"},
};

/// Flags of earlier builds whose work another one does now, with no name near theirs.
struct Former {
  std::string_view name;
  std::string_view now;
};
constexpr Former kFormer[] = {
    {"--mmap", "--load-mode mmap"},
    {"--no-mmap", "--load-mode none"},
    {"--mlock", "--load-mode mlock"},
};

constexpr auto kFlags = [] {
  auto rows = std::to_array<LlamaFlag>({
#include "common/api/llama_flags/rows.inc"
  });
  for (const auto& policy : kPolicies) {
    auto* const row = std::ranges::find(rows, policy.key, &LlamaFlag::key);
    row->use = policy.use;  // where no row has the key, this does not compile
    row->instead = policy.instead;
  }
  return rows;
}();

/// Calls `visit(name)` for each of the names in a row's cell.
template <class Visit>
void for_each_name(std::string_view names, const Visit& visit) {
  while (!names.empty()) {
    const auto blank = names.find(' ');
    visit(names.substr(0, blank));
    names.remove_prefix(blank == std::string_view::npos ? names.size() : blank + 1);
  }
}

struct Index {
  struct Entry {
    const LlamaFlag* flag;
    bool negative;
  };
  std::unordered_map<std::string_view, Entry> by_name;
  std::unordered_map<std::string_view, const LlamaFlag*> by_env;
  std::vector<std::string_view> long_names;

  Index() {
    for (const auto& flag : kFlags) add(flag);
  }

  void add(const LlamaFlag& flag) {
    const auto add_names = [&](std::string_view names, bool negative) {
      for_each_name(names, [&](std::string_view name) {
        by_name.emplace(name, Entry{&flag, negative});
        if (name.starts_with("--")) long_names.push_back(name);
      });
    };
    add_names(flag.names, false);
    add_names(flag.negative_names, true);
    if (!flag.env.empty()) by_env.emplace(flag.env, &flag);
  }

  /// llama-server takes `--ctx_size` for `--ctx-size`.
  [[nodiscard]] const Entry* find(std::string_view name) const {
    if (!name.starts_with('-')) return nullptr;
    if (const auto found = by_name.find(name); found != by_name.end()) return &found->second;
    if (!name.starts_with("--") || name.find('_') == std::string_view::npos) return nullptr;
    std::string dashed(name);
    std::ranges::replace(dashed, '_', '-');
    const auto found = by_name.find(dashed);
    return found == by_name.end() ? nullptr : &found->second;
  }
};

const Index& index() {
  static const Index instance;
  return instance;
}

bool looks_like_flag(std::string_view word) {
  if (word.size() < 2 || word.front() != '-') return false;
  const char second = word[1];
  return second == '-' || (second >= 'a' && second <= 'z') || (second >= 'A' && second <= 'Z');
}

/// Takes the words of one flag from `at` on; gives where the next one begins.
std::size_t take_values(std::span<const std::string_view> args, std::size_t at, ParsedFlag& out) {
  for (int i = 0; i < out.flag->arity; ++i) {
    if (at >= args.size() || index().find(args[at]) != nullptr) {
      out.problem = FlagProblem::value_missing;
      return at;
    }
    if (i == 0) out.value_index = at;
    if (i > 0) out.value += ' ';
    out.value += args[at++];
  }
  return at;
}

}  // namespace

bool may_be_other_build(std::string_view image) {
  static const std::string known = "b" + std::to_string(kLlamaBuild);
  return !image.empty() && !image.substr(0, image.find('@')).ends_with(known);
}

std::span<const LlamaFlag> llama_flags() { return kFlags; }

const LlamaFlag* find_llama_flag(std::string_view name) {
  const Index::Entry* entry = index().find(name);
  return entry == nullptr ? nullptr : entry->flag;
}

const LlamaFlag* find_llama_flag_by_env(std::string_view env) {
  const auto found = index().by_env.find(env);
  return found == index().by_env.end() ? nullptr : found->second;
}

std::string nearest_llama_flag(std::string_view name) {
  const auto* former = std::ranges::find(kFormer, name, &Former::name);
  if (former != std::end(kFormer)) return std::string(former->now);
  std::string dashed(name.substr(0, 64));
  while (dashed.starts_with("-")) dashed.erase(0, 1);
  std::ranges::replace(dashed, '_', '-');
  return base::nearest("--" + dashed, index().long_names);
}

bool joins_values(const LlamaFlag& flag) {
  constexpr std::array<std::string_view, 6> kJoined{"override-tensor", "override-kv",    "lora",
                                                    "lora-scaled",     "control-vector", "control-vector-scaled"};
  return std::ranges::find(kJoined, flag.key) != kJoined.end();
}

std::string ParsedFlag::key() const {
  if (flag != nullptr) return std::string(flag->key);
  return name.substr(std::min(name.find_first_not_of('-'), name.size()));
}

bool ParsedFlag::may_be_known_elsewhere() const {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; };
  // Keys of a preset that are no flags: the router's own.
  constexpr std::array<std::string_view, 2> kPresetOnly{"load-on-startup", "stop-timeout"};
  return problem == FlagProblem::unknown && std::ranges::all_of(name, fits) && !key().empty() &&
         std::ranges::find(kPresetOnly, key()) == kPresetOnly.end();
}

std::vector<ParsedFlag> parse_llama_flags(const std::vector<std::string>& args) {
  const std::vector<std::string_view> words(args.begin(), args.end());
  std::vector<ParsedFlag> out;
  out.reserve(words.size());
  parse_llama_flags(words, out);
  return out;
}

void parse_llama_flags(std::span<const std::string_view> args, std::vector<ParsedFlag>& out) {
  for (std::size_t i = 0; i < args.size();) {
    const std::string_view word = args[i];
    ParsedFlag& parsed = out.emplace_back();
    parsed.index = parsed.value_index = i++;
    parsed.name = word;
    const Index::Entry* entry = index().find(word);
    const auto equals = word.find('=');
    const bool joined = entry == nullptr && looks_like_flag(word) && equals != std::string_view::npos;
    if (joined) {
      parsed.name = word.substr(0, equals);
      parsed.value = word.substr(equals + 1);
      entry = index().find(parsed.name);
    }
    if (entry == nullptr) {
      parsed.problem = looks_like_flag(word) ? FlagProblem::unknown : FlagProblem::not_a_flag;
      // What follows an unknown flag is most likely its value: one mistake, not two.
      const bool value_follows =
          !joined && parsed.problem == FlagProblem::unknown && i < args.size() && !looks_like_flag(args[i]);
      if (value_follows) {
        parsed.value_index = i;
        parsed.value = args[i++];
      } else if (!joined && parsed.problem == FlagProblem::unknown) {
        parsed.value = "true";
      }
    } else {
      parsed.flag = entry->flag;
      if (entry->flag->arity == 0) {
        if (joined) parsed.problem = FlagProblem::value_unexpected;
        parsed.value = entry->negative ? "false" : "true";
      } else if (!joined) {
        i = take_values(args, i, parsed);
      } else if (entry->flag->arity > 1) {
        parsed.problem = FlagProblem::value_missing;
      }
    }
  }
}

}  // namespace api
