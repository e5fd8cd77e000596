#include "common/api/runtimes.hpp"

#include <algorithm>
#include <vector>

#include "common/api/inference_service.hpp"
#include "common/base/text.hpp"

namespace api {
namespace {

constexpr Runtime kRuntimes[] = {
    {"llamacpp", false, true, "llama-server with one model"},
    {"llamacpp-router", true, true, "llama-server in router mode with several models"},
    {"personaplex", false, false, "PersonaPlex"},
    {"vllm", false, false, "vLLM"},
    {"tgi", false, false, "Text Generation Inference"},
    {"sglang", false, false, "SGLang"},
    {"generic", false, false, "any container"},
};

}  // namespace

std::span<const Runtime> runtimes() { return kRuntimes; }

const Runtime* find_runtime(std::string_view name) {
  const auto* found = std::ranges::find(kRuntimes, name, &Runtime::name);
  return found == std::end(kRuntimes) ? nullptr : found;
}

std::string_view nearest_runtime(std::string_view name) {
  std::vector<std::string_view> names;
  for (const auto& runtime : kRuntimes) names.push_back(runtime.name);
  const std::string near = base::nearest(name.substr(0, 64), names);
  const Runtime* found = find_runtime(near);
  if (found == nullptr) found = find_runtime(is_router_runtime(name) ? "llamacpp-router" : "llamacpp");
  return found->name;
}

}  // namespace api
