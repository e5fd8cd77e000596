#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "common/base/error.hpp"
#include "reconciler/sample/exchange.hpp"

namespace reconciler {

/// The body of a 200 or why there is none, and to which of the questions, counted from 0.
using PodAnswered = std::function<void(std::size_t, base::Result<std::string>)>;

/// Asks all of them at once over plain HTTP, with at most 1.5 s for all of each answer, and gives each as it comes.
/// Returns when the last one has come.
void fetch_from_pods(const std::vector<Question>& questions, const PodAnswered& answered);

}  // namespace reconciler
