#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "common/base/error.hpp"

namespace reconciler {

/// What a program in a Pod is asked for.
struct PodQuestion {
  /// Of the Pod, of either family.
  std::string ip;
  int port = 0;
  std::string path;
};
/// The body of a 200 or why there is none, and to which of the questions, counted from 0.
using PodAnswered = std::function<void(std::size_t, base::Result<std::string>)>;

/// Asks all of them at once over plain HTTP, with at most 1.5 s for all of each answer, and gives each as it comes.
/// Returns when the last one has come.
void fetch_from_pods(const std::vector<PodQuestion>& questions, const PodAnswered& answered);

}  // namespace reconciler
