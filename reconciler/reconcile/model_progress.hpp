#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/reconcile/plan.hpp"

namespace reconciler {

/// Fills in `state`, `reason`, `message`, `artifact` and `bytes_done` of a model from its Model, claim, Job and Pods,
/// and from what the agents say of loading it. `index` is its place among the service's fetches.
void judge_files(const Plan& plan, ServedModel& model, std::size_t index);

/// Name of the init container that fetches the index-th model into an ephemeral cache.
[[nodiscard]] std::string fetch_container_name(std::size_t index);

/// The service's Pods that have not ended and are not being deleted.
[[nodiscard]] std::vector<const PodView*> live_pods(const Observed& observed);

/// What the container model-fetch of a fetch Pod said when it ended, as JSON text; empty while it has not.
[[nodiscard]] std::string last_word(const PodView& pod);
/// Likewise of the Pods of a Job, where those of tries that failed before are still there: of a complete one only that
/// of a Pod which ended well, of another one rather that of the Pod whose failure no retry mends.
[[nodiscard]] std::string last_word(const JobView& job, const std::vector<PodView>& fetch_pods);
/// What an ended Job left: its own record, else its Pods' word. Nothing when neither says it, and when a complete one
/// names no files.
[[nodiscard]] std::optional<FetchResult> result_of(const JobView& job, const std::vector<PodView>& fetch_pods);

/// The container of this name; null when the kubelet has not reported it.
[[nodiscard]] const ContainerView* find_container(const PodView& pod, std::string_view name);

/// Why the kubelet cannot pull an image of this Pod; empty when it can.
[[nodiscard]] std::string pull_failure(const PodView& pod);
/// Why the kubelet cannot start a container of this Pod whose image it has (a Secret, ConfigMap or security setting).
[[nodiscard]] std::string start_failure(const PodView& pod);

}  // namespace reconciler
