#include "common/api/runtime_images.hpp"

#include <algorithm>
#include <array>

#include "common/api/llama_flags.hpp"

namespace api {
namespace {

constexpr std::array<std::string_view, 4> kAccelerators{"cpu", "cuda", "vulkan", "rocm"};

}  // namespace

std::string runtime_image_problem(const std::string& text) {
  const auto equals = text.find('=');
  const auto accelerator = std::string_view(text).substr(0, equals);
  const bool known = std::ranges::find(kAccelerators, accelerator) != kAccelerators.end();
  if (equals == std::string::npos || !known || equals + 1 == text.size())
    return "must be ACCELERATOR=IMAGE with ACCELERATOR cpu, cuda, vulkan or rocm, not '" + text + "'";
  return {};
}

RuntimeImages read_runtime_images(const std::vector<std::string>& texts) {
  RuntimeImages images;
  for (const auto& text : texts) {
    if (!runtime_image_problem(text).empty()) continue;
    const auto equals = text.find('=');
    images[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return images;
}

bool any_may_be_other_build(const RuntimeImages& images) {
  return std::ranges::any_of(images, [](const auto& image) { return may_be_other_build(image.second); });
}

}  // namespace api
