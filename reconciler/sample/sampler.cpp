#include "reconciler/sample/sampler.hpp"

#include <algorithm>
#include <utility>

#include "common/base/json.hpp"
#include "common/net/http_client.hpp"
#include "reconciler/reconcile/names.hpp"

namespace reconciler {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLargestAnswer = std::size_t{1} << 20U;

}  // namespace

Sampler::Sampler(Fetch fetch, Changed changed, Timing timing)
    : fetch_(std::move(fetch)), changed_(std::move(changed)), timing_(timing) {}

void Sampler::schedule(const PodKey& pod, PodState& state, Time due) {
  schedule_.erase({state.due, pod});
  state.due = due;
  schedule_.emplace(due, pod);
  wake_.notify_one();
}

void Sampler::want(const Key& key, const std::vector<Target>& targets, bool on_the_way) {
  const std::lock_guard lock(mutex_);
  const Time now = Clock::now();
  std::set<PodKey> fresh;
  for (const auto& target : targets) {
    const PodKey pod{target.what, key.namespace_, target.pod};
    fresh.insert(pod);
    PodState& state = pods_[pod];
    const bool is_new = state.ip != target.ip;
    if (is_new) state.asked = Time{};
    state.ip = target.ip;
    state.wanted_by.insert(key);
    if (on_the_way || is_new) state.busy_until = now + timing_.busy_after_change;
    // Whatever led to this pass may have changed the answer too, but never more often than the busy pace.
    const Time due = is_new ? now : std::max(now, state.asked + timing_.busy);
    if (!state.asking && (is_new || ((on_the_way || now < state.busy_until) && due < state.due)))
      schedule(pod, state, due);
  }
  auto& before = wanted_[key];
  for (const auto& pod : before) {
    if (fresh.contains(pod)) continue;
    const auto found = pods_.find(pod);
    if (found == pods_.end()) continue;
    found->second.wanted_by.erase(key);
    if (!found->second.wanted_by.empty() || found->second.asking) continue;
    schedule_.erase({found->second.due, pod});
    pods_.erase(found);
  }
  before = std::move(fresh);
  if (before.empty()) wanted_.erase(key);
}

bool Sampler::asked_all(const Key& key) const {
  const std::lock_guard lock(mutex_);
  const auto wanted = wanted_.find(key);
  return wanted == wanted_.end() || std::all_of(wanted->second.begin(), wanted->second.end(),
                                                [this](const PodKey& pod) { return pods_.at(pod).asked != Time{}; });
}

std::vector<AgentSample> Sampler::agents(const Key& key) const {
  std::vector<AgentSample> samples;
  const std::lock_guard lock(mutex_);
  const auto wanted = wanted_.find(key);
  if (wanted == wanted_.end()) return samples;
  for (const auto& pod : wanted->second)
    if (const auto& state = pods_.at(pod); state.agent) samples.push_back(*state.agent);
  return samples;
}

std::map<std::string, FetchProgress, std::less<>> Sampler::progress(const Key& key) const {
  std::map<std::string, FetchProgress, std::less<>> samples;
  const std::lock_guard lock(mutex_);
  const auto wanted = wanted_.find(key);
  if (wanted == wanted_.end()) return samples;
  for (const auto& pod : wanted->second)
    if (const auto& state = pods_.at(pod); state.progress) samples.emplace(pod.pod, *state.progress);
  return samples;
}

std::chrono::nanoseconds Sampler::interval(const PodState& state, Time now) const {
  if (now < state.busy_until) return timing_.busy;
  const std::chrono::duration<double> share(static_cast<double>(pods_.size()) / timing_.settled_per_second);
  return std::max<std::chrono::nanoseconds>(timing_.settled,
                                            std::chrono::duration_cast<std::chrono::nanoseconds>(share));
}

void Sampler::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (schedule_.empty()) {
      wake_.wait(lock);
    } else if (const Time due = schedule_.begin()->first; due > Clock::now()) {
      wake_.wait_until(lock, due);
    } else {
      const PodKey pod = schedule_.begin()->second;
      schedule_.erase(schedule_.begin());
      if (!schedule_.empty()) wake_.notify_one();
      ask(lock, pod);
    }
  }
}

void Sampler::ask(std::unique_lock<std::mutex>& lock, const PodKey& pod) {
  auto& before = pods_.at(pod);
  before.asking = true;
  const std::string ip = before.ip;
  const bool is_agent = pod.what == What::agent;
  lock.unlock();
  const auto body = fetch_(ip, is_agent ? names::kAgentPort : names::kProgressPort, is_agent ? "/state" : "/progress");
  lock.lock();
  PodState& state = pods_.at(pod);
  state.asking = false;
  if (state.wanted_by.empty()) {
    pods_.erase(pod);
    return;
  }
  const Time now = Clock::now();
  const bool is_first = std::exchange(state.asked, now) == Time{};
  if (take_answer(pod, state, body) || is_first) {
    state.busy_until = now + timing_.busy_after_change;
    const auto concerned = state.wanted_by;
    schedule(pod, state, now + interval(state, now));
    lock.unlock();
    for (const auto& key : concerned) changed_(key);
    lock.lock();
  } else {
    schedule(pod, state, now + interval(state, now));
  }
}

bool Sampler::take_answer(const PodKey& pod, PodState& state, const base::Result<std::string>& body) {
  const auto parsed = body ? base::parse_json(*body, pod.pod) : std::unexpected(body.error());
  if (pod.what == What::progress) {
    if (!parsed) return false;  // a fetcher that ended keeps its last word
    const auto progress = decode_progress(*parsed);
    return std::exchange(state.progress, progress) != progress;
  }
  AgentSample sample;
  if (parsed) {
    sample = decode_agent_state(pod.pod, *parsed);
  } else {
    sample.pod = pod.pod;
    sample.error = parsed.error().what;
  }
  if (state.agent == sample) return false;
  state.agent = std::move(sample);
  return true;
}

void Sampler::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  wake_.notify_all();
}

base::Result<std::string> fetch_from_pod(const std::string& ip, int port, const std::string& path) {
  using std::chrono::milliseconds;
  const std::string host = ip.find(':') == std::string::npos ? ip : "[" + ip + "]";
  net::HttpClientOptions options;
  options.url = "http://" + host + ":" + std::to_string(port);
  options.timeouts = {milliseconds{500}, milliseconds{1000}, milliseconds{500}, milliseconds{1500}};
  options.max_body_bytes = kLargestAnswer;
  options.max_idle_connections = 0;
  auto client = net::HttpClient::make(options);
  if (!client) return std::unexpected(client.error());
  auto response = (*client)->send({.target = path});
  if (!response) return std::unexpected(response.error());
  if (response->status != 200) {
    const auto body = base::parse_json(response->body, path);
    const auto reason = body ? base::string_at(*body, {"error"}) : std::string{};
    return base::fail(reason.empty() ? "status " + std::to_string(response->status) : reason, options.url + path);
  }
  return std::move(response->body);
}

}  // namespace reconciler
