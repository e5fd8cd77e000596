#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace api {

/// llama-server's image for services that name none, by accelerator: cpu, cuda, vulkan, rocm. The chart's
/// runtimeImages.
using RuntimeImages = std::map<std::string, std::string, std::less<>>;

/// What is wrong with an argument of `--runtime-image`, "cuda=ghcr.io/ggml-org/llama.cpp:server-cuda-b11669"; empty:
/// nothing.
[[nodiscard]] std::string runtime_image_problem(const std::string& text);

/// What such arguments say, of each accelerator the last one. Those with a problem are passed over.
[[nodiscard]] RuntimeImages read_runtime_images(const std::vector<std::string>& texts);

/// Whether the table of flags may not hold for one of the images (llama_flags.hpp).
[[nodiscard]] bool any_may_be_other_build(const RuntimeImages& images);

}  // namespace api
