#include "reconciler/controller.hpp"

#include <algorithm>
#include <exception>
#include <functional>
#include <utility>

#include "common/base/log.hpp"

namespace reconciler {
namespace {

using std::chrono::milliseconds;

void add_targets(Sampler::What what, const std::vector<std::string>& names, const std::vector<std::string>& soon,
                 const std::vector<PodView>& pods, std::vector<Sampler::Target>& targets) {
  for (const auto& name : names) {
    const auto pod =
        std::find_if(pods.begin(), pods.end(), [&](const PodView& view) { return view.meta.name == name; });
    if (pod == pods.end() || pod->ip.empty()) continue;
    const bool is_soon = std::ranges::find(soon, name) != soon.end();
    targets.push_back({what, name, pod->ip, 0, pod->ready, is_soon});
  }
}

/// What is refused is tried again, and its words may be others each time (a webhook's request number, a quota's count):
/// the next try's status has the latest. A conflict is not tried again, so its words count.
bool same(const std::vector<ApplyProblem>& a, const std::vector<ApplyProblem>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const ApplyProblem& x, const ApplyProblem& y) {
    const bool same_words = x.message == y.message || (x.manager.empty() && y.manager.empty());
    return x.kind == y.kind && x.name == y.name && x.reason == y.reason && x.manager == y.manager && same_words;
  });
}

/// Samples at the faster pace are asked for.
bool is_on_the_way(const Decision& decision) { return decision.sample_every <= std::chrono::seconds{2}; }

/// What the first part of a pass left, and what the second adds.
Outcome joined(Outcome first, const Outcome& second) {
  if (second.error) first.error = second.error;
  first.retry_after = std::max(first.retry_after, second.retry_after);
  if (second.look_again) first.look_again = std::min(first.look_again.value_or(*second.look_again), *second.look_again);
  first.changes += second.changes;
  return first;
}

/// Reads the claims that the cache lacks.
template <class Seen>
std::optional<net::NotNow> add_claims(ClaimReader& reader, const Key& key, const std::vector<std::string>& missing,
                                      Seen& observed) {
  for (const auto& name : missing) {
    auto claim = reader.read(key.namespace_, name);
    if (!claim) return std::move(claim.error());
    if (*claim) observed.claims.emplace(name, std::move(**claim));
  }
  return std::nullopt;
}

/// What the pass says of the children. Of those behind one at which the server had no time it says nothing, so what was
/// said before holds.
std::vector<ApplyProblem> problems_after(const Outcome& outcome, const std::vector<ApplyProblem>& before) {
  auto problems = outcome.problems;
  if (outcome.all_applied) return problems;
  for (const auto& problem : before) {
    const bool is_told = std::ranges::any_of(
        problems, [&](const auto& at) { return at.kind == problem.kind && at.name == problem.name; });
    if (!is_told) problems.push_back(problem);
  }
  return problems;
}

}  // namespace

void Controller::set_active(bool active) {
  if (active_.exchange(active) == active) return;
  if (active) {
    parts_.applier.forget();
    add_all();
  } else {
    parts_.sampler.forget();
  }
}

void Controller::add_all() {
  for (const auto& key : parts_.cache.keys()) parts_.queue.add_after(key, {});
}

void Controller::set_priority_classes(std::shared_ptr<const std::set<std::string>> names) {
  const std::lock_guard lock(mutex_);
  priority_classes_ = std::move(names);
}

void Controller::set_missing_fields(std::vector<std::string> fields) {
  {
    const std::lock_guard lock(mutex_);
    if (missing_fields_ ? *missing_fields_ == fields : fields.empty()) return;
    missing_fields_ = std::make_shared<const std::vector<std::string>>(std::move(fields));
  }
  if (active_) add_all();
}

void Controller::work() {
  while (auto key = parts_.queue.take()) {
    if (active_) {  // else it is dropped: becoming active makes every object due
      pass(*key);
      if (!active_) parts_.sampler.want(*key, {}, false);  // it may have asked for samples after all were forgotten
    }
    parts_.queue.done(*key);
  }
}

void Controller::pass(const Key& key) {
  const auto began = parts_.clock.steady();
  Outcome outcome;
  try {
    outcome = key.kind == Key::Kind::service ? pass_service(key) : pass_model(key);
  } catch (const std::exception& exception) {
    // An object that is not as its schema says, to nlohmann: it keeps no other back, and does not end the process.
    outcome.error = base::Error{exception.what(), key.to_string(), {}};
  }
  const std::chrono::duration<double> took = parts_.clock.steady() - began;
  parts_.metrics.add("llmkube_router_reconcile_total", {outcome.error ? "error" : "ok"});
  parts_.metrics.observe("llmkube_router_reconcile_duration_seconds", {}, took.count());
  finish(key, outcome);
}

std::expected<std::optional<Observed>, net::NotNow> Controller::observe_service(const Key& key) {
  std::vector<std::string> missing;
  auto observed = parts_.cache.observe_service(key.namespace_, key.name, &missing);
  if (!observed) return observed;
  if (auto failure = add_claims(claims_, key, missing, *observed)) return std::unexpected(std::move(*failure));
  observed->agents = parts_.sampler.agents(key);
  observed->progress = parts_.sampler.progress(key);
  observed->front = parts_.sampler.front(key);
  observed->problems = problems_of(key);
  const std::lock_guard lock(mutex_);
  observed->priority_classes = priority_classes_;
  observed->missing_fields = missing_fields_;
  return observed;
}

std::expected<std::optional<ObservedModel>, net::NotNow> Controller::observe_model(const Key& key) {
  std::vector<std::string> missing;
  auto observed = parts_.cache.observe_model(key.namespace_, key.name, &missing);
  if (!observed) return observed;
  if (auto failure = add_claims(claims_, key, missing, *observed)) return std::unexpected(std::move(*failure));
  return observed;
}

void Controller::want_samples(const Key& key, const Decision& decision, const Observed& observed) {
  std::vector<Sampler::Target> targets;
  add_targets(Sampler::What::agent, decision.sample_agents, decision.sample_soon, observed.pods, targets);
  add_targets(Sampler::What::progress, decision.sample_progress, {}, observed.fetch_pods, targets);
  if (decision.knock)
    targets.push_back(
        {Sampler::What::front, observed.network_service->meta.name, decision.knock->ip, decision.knock->port});
  parts_.sampler.want(key, targets, is_on_the_way(decision));
}

bool Controller::is_all_asked(const Key& key, const Observed& observed) {
  if (!parts_.sampler.asked_all(key)) return false;  // the answer brings the next pass
  const auto rests_on = [&](const auto& sample) {
    return std::ranges::find(observed.agents, sample) != observed.agents.end();
  };
  const auto is_observed = [&](const auto& at) {
    const auto found = observed.progress.find(at.first);
    return found != observed.progress.end() && found->second == at.second;
  };
  const auto front = parts_.sampler.front(key);
  if (std::ranges::all_of(parts_.sampler.agents(key), rests_on) &&
      std::ranges::all_of(parts_.sampler.progress(key), is_observed) && (!front || front == observed.front))
    return true;
  parts_.queue.add(key);
  return false;
}

Outcome Controller::pass_service(const Key& key) {
  auto seen = observe_service(key);
  if (!seen) {
    Outcome outcome;
    outcome.put_off(std::move(seen.error()));
    return outcome;
  }
  auto& observed = *seen;
  if (!observed) {
    parts_.sampler.want(key, {}, false);
    status_patience_.settled(key);
    preset_patience_.settled(key);
    keep_problems(key, {});
    return let_go(key);
  }
  ServiceDecision deciding(parts_.settings, *observed, parts_.clock.wall());
  want_samples(key, deciding.decision, *observed);
  const bool knocks = deciding.decision.knock.has_value();
  const bool all_asked = is_all_asked(key, *observed);
  const Outcome outcome = deciding.decision.status_first ? say_then_do(key, *observed, deciding, all_asked)
                          : all_asked                    ? do_then_say(key, *observed, deciding)
                                                         : do_in_silence(key, *observed, deciding.decision);
  const bool is_told = all_asked && !outcome.error && !outcome.look_again;
  if (knocks && is_told && !deciding.decision.knock) want_samples(key, deciding.decision, *observed);
  look_again(key, deciding.decision, outcome);
  return outcome;
}

Outcome Controller::let_go(const Key& key) {
  const auto left = parts_.cache.left_service(key.namespace_, key.name);
  if (!left) return {};
  Decision nothing;
  nothing.status = empty_status(*left);
  return parts_.applier.write_status(key, *left, nothing);
}

Outcome Controller::say_then_do(const Key& key, const Observed& observed, ServiceDecision& deciding, bool all_asked) {
  Decision& decision = deciding.decision;
  if (all_asked) deciding.add_status();
  if (!all_asked || !decision.status) return {};
  Outcome told = tell(key, observed.service.meta, decision);
  if (told.error || told.look_again) return told;
  decision.status.reset();
  decision.events.clear();
  return do_then_say(key, observed, deciding);
}

Outcome Controller::do_then_say(const Key& key, const Observed& observed, ServiceDecision& deciding) {
  Outcome outcome = carry_out(key, deciding.decision);
  const auto problems = problems_after(outcome, observed.problems);
  keep_problems(key, problems);
  if (outcome.changes > 0 || !same(problems, observed.problems)) {
    parts_.queue.add(key);
    return outcome;
  }
  if (!deciding.decision.status_first) deciding.add_status();
  return joined(std::move(outcome), tell(key, observed.service.meta, deciding.decision));
}

Outcome Controller::do_in_silence(const Key& key, const Observed& observed, Decision& decision) {
  decision.status.reset();
  decision.annotations.clear();
  Outcome outcome = carry_out(key, decision);
  keep_problems(key, problems_after(outcome, observed.problems));
  return outcome;
}

Outcome Controller::carry_out(const Key& key, const Decision& decision) {
  const auto waiting = std::ranges::find_if(decision.desired, &DesiredObject::can_wait);
  if (waiting == decision.desired.end()) {
    preset_patience_.settled(key);
    return parts_.applier.carry_out(key, decision);
  }
  const auto wait = preset_patience_.wait(key, std::hash<std::string>{}(waiting->body));
  if (!wait) return parts_.applier.carry_out(key, decision);
  Decision now = decision;
  std::erase_if(now.desired, [](const auto& object) { return object.can_wait; });
  Outcome outcome = parts_.applier.carry_out(key, now);
  outcome.look_again = std::min(outcome.look_again.value_or(*wait), *wait);
  return outcome;
}

Outcome Controller::tell(const Key& key, const ObjectMeta& meta, const Decision& decision) {
  if (decision.status && decision.status_can_wait) {
    if (const auto wait = status_patience_.wait(key, decision.status_mark)) {
      Outcome later;
      later.look_again = wait;
      return later;
    }
  }
  Outcome told = parts_.applier.write_status(key, meta, decision);
  if (!told.error) status_patience_.settled(key);
  return told;
}

Outcome Controller::pass_model(const Key& key) {
  auto seen = observe_model(key);
  if (!seen) {
    Outcome outcome;
    outcome.put_off(std::move(seen.error()));
    return outcome;
  }
  const auto& observed = *seen;
  if (!observed) {
    status_patience_.settled(key);
    return {};
  }
  const Decision decision = reconcile_model(parts_.settings, *observed, parts_.clock.wall());
  Outcome outcome = carry_out(key, decision);
  outcome = joined(std::move(outcome), tell(key, observed->model.meta, decision));
  look_again(key, decision, outcome);
  return outcome;
}

void Controller::look_again(const Key& key, const Decision& decision, const Outcome& outcome) {
  if (decision.requeue_after) parts_.queue.add_after(key, *decision.requeue_after);
  if (outcome.look_again) parts_.queue.add_after(key, *outcome.look_again);
}

void Controller::finish(const Key& key, const Outcome& outcome) {
  report(key, outcome.error);
  if (outcome.error) {
    parts_.queue.retry(key, outcome.retry_after);
  } else {
    parts_.queue.succeeded(key);
  }
}

void Controller::report(const Key& key, const std::optional<base::Error>& error) {
  const std::string text = error ? error->to_string() : std::string{};
  {
    const std::lock_guard lock(mutex_);
    const auto known = errors_.find(key);
    if ((known == errors_.end() ? std::string{} : known->second) == text) return;
    if (error) {
      errors_[key] = text;
    } else {
      errors_.erase(known);
    }
  }
  const std::string_view kind = key.kind == Key::Kind::service ? "isvc" : "model";
  if (error) {
    base::log::warning("reconcile-failed", {{kind, key.to_string()}, {"problem", text}});
  } else {
    base::log::info("reconcile-recovered", {{kind, key.to_string()}});
  }
}

std::vector<ApplyProblem> Controller::problems_of(const Key& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = problems_.find(key);
  return found == problems_.end() ? std::vector<ApplyProblem>{} : found->second;
}

void Controller::keep_problems(const Key& key, const std::vector<ApplyProblem>& problems) {
  const std::lock_guard lock(mutex_);
  if (problems.empty()) {
    problems_.erase(key);
  } else {
    problems_[key] = problems;
  }
}

}  // namespace reconciler
