#include "reconciler/pod/fetch/progress.hpp"

#include <array>
#include <cstdio>

namespace fetch {

std::string_view to_string(State state) {
  switch (state) {
    case State::waiting:
      return "waiting";
    case State::downloading:
      return "downloading";
    case State::verifying:
      return "verifying";
    case State::done:
      return "done";
    case State::failed:
      return "failed";
  }
  return "waiting";
}

std::optional<std::uint64_t> Progress::total() const {
  const auto total = total_.load();
  if (total < 0) return std::nullopt;
  return static_cast<std::uint64_t>(total);
}

void Progress::finish_file(std::uint64_t bytes) {
  file_bytes_ = 0;
  finished_bytes_ += bytes;
}

std::string Progress::to_json() const {
  const auto all = total();
  return R"({"bytesDone":)" + std::to_string(done()) + R"(,"bytesTotal":)" + (all ? std::to_string(*all) : "null") +
         R"(,"state":")" + std::string(to_string(state())) + "\"}";
}

std::string human_bytes(std::uint64_t bytes) {
  static constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  char out[32];
  std::snprintf(out, sizeof out, value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value, kUnits[unit]);
  return out;
}

std::string human_seconds(std::uint64_t seconds) {
  char out[48];
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  if (seconds >= 3600) {
    std::snprintf(out, sizeof out, "%lluh%02llum", number(seconds / 3600), number(seconds % 3600 / 60));
  } else if (seconds >= 60) {
    std::snprintf(out, sizeof out, "%llum%02llus", number(seconds / 60), number(seconds % 60));
  } else {
    std::snprintf(out, sizeof out, "%llus", number(seconds));
  }
  return out;
}

}  // namespace fetch
