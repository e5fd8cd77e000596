#include "reconciler/lease/lease.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "common/base/log.hpp"

namespace reconciler {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

std::int64_t ticks(base::SteadyTime time) {
  return std::chrono::duration_cast<nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

LeaderLease::LeaderLease(net::ApiClient& api, const base::Clock& clock, Options options,
                         std::function<void(bool)> on_change)
    : api_(api), clock_(clock), options_(std::move(options)), on_change_(std::move(on_change)) {}

std::string LeaderLease::collection() const {
  return "/apis/coordination.k8s.io/v1/namespaces/" + options_.name_space + "/leases";
}

std::string LeaderLease::path() const { return collection() + "/" + options_.name; }

bool LeaderLease::holds() const { return ticks(clock_.steady()) < valid_until_; }

void LeaderLease::stop() { stopping_.cancel(); }

void LeaderLease::run(const std::function<void()>& before_release) {
  while (!stopping_.cancelled()) {
    follow();
    if (leading_) lead();
  }
  if (before_release) before_release();
  if (leading_) release();
  set_leading(false);
}

void LeaderLease::set_leading(bool leading) {
  const std::lock_guard lock(mutex_);
  if (!leading) valid_until_ = 0;
  if (leading == leading_) return;
  leading_ = leading;
  base::log::info(leading ? "leading" : "not-leading",
                  {{"lease", options_.name_space + "/" + options_.name}, {"identity", options_.identity}});
  on_change_(leading);
}

void LeaderLease::follow() {
  while (!stopping_.cancelled()) {
    const auto record = read();
    if (record) note_seen(*record);
    if (!last_problem_.empty() && !record) {
      stopping_.wait_for(options_.retry);
      continue;
    }
    if (!record || is_free(*record)) {
      if (take(record)) return;
      stopping_.wait_for(options_.retry / 4);
      continue;
    }
    wait_for_change(*record);
  }
}

void LeaderLease::lead() {
  net::Cancellation ended;
  std::thread guard([this, &ended] { guard_deadline(ended); });
  renew_until_lost();
  ended.cancel();
  guard.join();
  if (!stopping_.cancelled()) set_leading(false);
}

void LeaderLease::renew_until_lost() {
  while (leading_ && !stopping_.cancelled()) {
    stopping_.wait_for(options_.renew);
    while (!stopping_.cancelled() && holds()) {
      if (write(held_, false)) break;
      if (!holds()) return;
      // Somebody may have written the Lease: take over its version if it is still ours.
      const auto record = read();
      if (record && record->holder != options_.identity) return;
      if (record) held_.resource_version = record->resource_version;
      stopping_.wait_for(options_.retry);
    }
    if (!holds()) return;
  }
}

/// A request that hangs, of the renewal or of a pass, must not reach into the time of the next leader: at the deadline
/// `on_change_` ends what is under way, whatever the renewal is doing.
void LeaderLease::guard_deadline(net::Cancellation& ended) {
  while (!ended.cancelled() && !stopping_.cancelled()) {
    const nanoseconds left(valid_until_ - ticks(clock_.steady()));
    if (left <= nanoseconds::zero()) {
      set_leading(false);
      api_.interrupt();
      return;
    }
    ended.wait_for(std::chrono::ceil<milliseconds>(left));
  }
}

std::optional<LeaderLease::Record> LeaderLease::read() {
  const auto response = api_.get(path());
  if (!response || (!response->ok() && response->status != 404)) {
    note(response ? net::to_error(*response, path()).to_string() : response.error().to_string());
    return std::nullopt;
  }
  last_problem_.clear();
  if (response->status == 404) return std::nullopt;
  const auto body = base::parse_json(response->body, path());
  if (!body) {
    note(body.error().to_string());
    return std::nullopt;
  }
  Record record;
  record.holder = base::string_at(*body, {"spec", "holderIdentity"});
  record.duration = std::chrono::seconds(base::int_at(*body, {"spec", "leaseDurationSeconds"}, 0));
  record.resource_version = base::string_at(*body, {"metadata", "resourceVersion"});
  record.acquired = base::string_at(*body, {"spec", "acquireTime"});
  record.transitions = base::int_at(*body, {"spec", "leaseTransitions"}, 0);
  return record;
}

void LeaderLease::note_seen(const Record& record) {
  if (record.resource_version == seen_version_) return;
  seen_version_ = record.resource_version;
  seen_at_ = clock_.steady();
}

bool LeaderLease::is_free(const Record& record) const {
  if (record.holder.empty() || record.holder == options_.identity) return true;
  return clock_.steady() - seen_at_ >= std::max(record.duration, milliseconds{1000});
}

bool LeaderLease::take(const std::optional<Record>& record) {
  Record mine = record.value_or(Record{});
  if (mine.holder != options_.identity) {
    mine.acquired = base::format_rfc3339_micro(clock_.wall());
    if (record) ++mine.transitions;
  }
  if (!write(mine, !record)) return false;
  set_leading(true);
  return true;
}

bool LeaderLease::write(const Record& record, bool is_new) {
  const auto began = clock_.steady();
  nlohmann::json body = {{"apiVersion", "coordination.k8s.io/v1"},
                         {"kind", "Lease"},
                         {"metadata", {{"name", options_.name}, {"namespace", options_.name_space}}}};
  const nlohmann::json spec = {{"holderIdentity", options_.identity},
                               {"leaseDurationSeconds", options_.duration.count() / 1000},
                               {"acquireTime", record.acquired},
                               {"renewTime", base::format_rfc3339_micro(clock_.wall())},
                               {"leaseTransitions", record.transitions}};
  base::Result<net::ApiResponse> response;
  if (is_new) {
    body["spec"] = spec;
    response = api_.create(collection(), body.dump());
  } else {
    // A merge patch with the version seen: labels and owners, which are the chart's, stay as they are.
    body["metadata"]["resourceVersion"] = record.resource_version;
    body["spec"] = spec;
    response = api_.merge_patch(path(), body.dump(), "llmkube-reconciler-lease");
  }
  if (!response || !response->ok()) {
    const bool was_faster = response && response->status == 409;
    if (!was_faster) note(response ? net::to_error(*response, path()).to_string() : response.error().to_string());
    return false;
  }
  last_problem_.clear();
  held_ = record;
  held_.holder = options_.identity;
  if (const auto answer = base::parse_json(response->body, path()))
    held_.resource_version = base::string_at(*answer, {"metadata", "resourceVersion"});
  valid_until_ = ticks(began + options_.deadline);
  return true;
}

void LeaderLease::release() {
  valid_until_ = 0;
  const nlohmann::json body = {{"metadata", {{"resourceVersion", held_.resource_version}}},
                               {"spec", {{"holderIdentity", ""}, {"leaseDurationSeconds", 1}}}};
  const auto response = api_.merge_patch(path(), body.dump(), "llmkube-reconciler-lease");
  if (!response || !response->ok())
    note(response ? net::to_error(*response, path()).to_string() : response.error().to_string());
}

void LeaderLease::wait_for_change(const Record& record) {
  // While the leader lives, an event comes at each renewal; silence for the lease's duration ends the watch.
  const auto age = std::chrono::duration_cast<milliseconds>(clock_.steady() - seen_at_);
  const auto silence = std::max<milliseconds>(record.duration, milliseconds{1000});
  net::WatchOptions options{.label_selector = {},
                            .field_selector = "metadata.name=" + options_.name,
                            .resource_version = record.resource_version,
                            .timeout = std::chrono::seconds{300},
                            .read_timeout = std::max(silence - age, milliseconds{200})};
  bool changed_hands = false;
  const auto end = api_.watch(
      collection(), options,
      [&](std::string_view type, const base::JsonValue& object) {
        if (type == "BOOKMARK") return !is_free(record);  // no sign of life
        seen_version_ = base::string_at(object, {"metadata", "resourceVersion"});
        seen_at_ = clock_.steady();
        changed_hands = type == "DELETED" || base::string_at(object, {"spec", "holderIdentity"}) != record.holder;
        return !changed_hands;
      },
      stopping_);
  if (changed_hands || stopping_.cancelled()) return;
  if (end.kind == net::WatchEnd::Kind::failed && !end.message.starts_with("GET ")) note(end.message);
  stopping_.wait_for(std::min(options_.retry, milliseconds{300}));
}

void LeaderLease::note(const std::string& problem) {
  if (problem == last_problem_) return;
  last_problem_ = problem;
  base::log::warning("lease-problem", {{"problem", problem}});
}

}  // namespace reconciler
