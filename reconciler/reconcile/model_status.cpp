#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "common/api/source.hpp"
#include "reconciler/reconcile/json_text.hpp"
#include "reconciler/reconcile/model_progress.hpp"
#include "reconciler/reconcile/names.hpp"
#include "reconciler/reconcile/plan.hpp"
#include "reconciler/reconcile/reconcile.hpp"
#include "reconciler/reconcile/status.hpp"

namespace reconciler {

using nlohmann::json;

namespace {

/// A failed fetch is tried again after this time: what was wrong at the source may have been mended.
constexpr std::chrono::minutes kRetryAfter{10};

/// A complete Job that left no result is made again after this time, so that what takes Pods away at once costs little.
constexpr std::chrono::seconds kMuteFor{30};

/// The fields of a Model's status that are ours, beside conditions and lastUpdated.
const std::vector<std::string_view> kFields = {"phase", "size", "path", "cacheKey", "sha256", "observedGeneration"};
const std::vector<std::string_view> kConditions = {"Available", "Progressing", "Degraded"};

/// What is known of a Model over all claims that services want it on.
struct ModelOutlook {
  ModelState state = ModelState::pending;
  std::string reason = "Unused";
  std::string message = "no service names this Model: its files are fetched when one does";
  std::optional<Artifact> artifact;
};

struct ModelPhase {
  ModelState state;
  std::string_view phase;
};
constexpr std::array kPhases = {
    ModelPhase{ModelState::pending, "Pending"},
    ModelPhase{ModelState::downloading, "Downloading"},
    ModelPhase{ModelState::available, "Ready"},
    ModelPhase{ModelState::failed, "Failed"},
};

/// The Jobs that services want now, by name; `complete` unless the claim of one of them is not known (yet).
struct WantedJobs {
  std::vector<std::string> names;
  bool complete = true;
};

/// The services that name the Model, one for each place that its files go to: many services share a claim.
std::vector<const ServiceObject*> places(const Settings& settings, const ObservedModel& observed) {
  std::vector<const ServiceObject*> services;
  std::set<std::string> seen;
  for (const auto& service : observed.services) {
    std::string claim = api::claim_of_source(observed.model.view->spec.source);
    if (claim.empty()) claim = choose_cache(settings, *service.view).claim;
    if (seen.insert(claim.empty() ? "of " + service.meta.name : std::move(claim)).second) services.push_back(&service);
  }
  return services;
}

WantedJobs wanted_jobs(const Settings& settings, const ObservedModel& observed) {
  const auto& model = *observed.model.view;
  WantedJobs wanted;
  for (const auto* service : places(settings, observed)) {
    std::string claim = api::claim_of_source(model.spec.source);
    if (claim.empty()) claim = choose_cache(settings, *service->view).claim;
    if (claim.empty()) continue;  // an ephemeral cache is filled without Jobs
    const auto view = observed.claims.find(claim);
    if (view == observed.claims.end()) {
      wanted.complete = false;
    } else {
      wanted.names.push_back(fetch_job_name(model, view->second.meta.uid));
    }
  }
  return wanted;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

/// What a service wants on this claim is there, so what it was served from meanwhile can go.
bool is_replaced(const ObservedModel& observed, const JobView& job, const WantedJobs& wanted) {
  return std::ranges::any_of(observed.jobs, [&](const auto& other) {
    return other.complete && other.claim_uid == job.claim_uid && contains(wanted.names, other.meta.name);
  });
}

bool claim_is_gone(const ObservedModel& observed, const JobView& job) {
  return std::ranges::none_of(observed.claims, [&](const auto& at) { return at.second.meta.uid == job.claim_uid; });
}

/// It is complete and nobody knows what it said: its Pod is gone, or its message is another's.
bool is_mute(const ObservedModel& observed, const JobView& job) {
  return job.complete && !result_of(job, observed.fetch_pods);
}

/// Kept: what services want, and what they serve until the wanted one is there. A complete Job without a result, or a
/// failed one whose time has come, goes too: it is made again.
bool is_obsolete(const ObservedModel& observed, const JobView& job, const WantedJobs& wanted, base::WallTime now) {
  if (!contains(wanted.names, job.meta.name)) {
    return wanted.complete && (observed.services.empty() || !job.complete || claim_is_gone(observed, job) ||
                               is_replaced(observed, job, wanted));
  }
  if (job.failed) return job.failed_at && now - *job.failed_at >= kRetryAfter;
  return is_mute(observed, job) && (!job.completed_at || now - *job.completed_at >= kMuteFor);
}

/// Until `since + period`, but no longer than the period: a clock that was wrong for a moment must not make it years.
std::chrono::milliseconds time_left(base::WallTime since, std::chrono::milliseconds period, base::WallTime now) {
  return std::min(std::chrono::ceil<std::chrono::milliseconds>(since + period - now), period);
}

void keep_jobs(const Settings& settings, const ObservedModel& observed, base::WallTime now, Decision& decision) {
  const auto wanted = wanted_jobs(settings, observed);
  for (const auto& job : observed.jobs) {
    if (job.meta.deleting) continue;
    if (is_obsolete(observed, job, wanted, now)) {
      decision.deletions.push_back({Kind::job, job.meta.name, job.meta.uid});
      continue;
    }
    const bool ended = job.complete || job.failed;
    if (ended && job.fetched.empty() && result_of(job, observed.fetch_pods)) {
      decision.annotations.push_back({Kind::job, job.meta.name, job.meta.uid, std::string(names::kFetchedAnnotation),
                                      last_word(job, observed.fetch_pods)});
    }
    if (is_mute(observed, job) && job.completed_at) look_again(decision, time_left(*job.completed_at, kMuteFor, now));
    if (job.failed && job.failed_at) look_again(decision, time_left(*job.failed_at, kRetryAfter, now));
  }
}

/// The best that any service has of it: Available beats Downloading beats Failed beats Pending.
int rank(ModelState state) {
  constexpr std::array kRanks = {0, 2, 3, 1};
  return kRanks[static_cast<std::size_t>(state)];
}

bool is_ephemeral(const Settings& settings, const ObservedModel& observed, const ServiceObject& service) {
  return api::claim_of_source(observed.model.view->spec.source).empty() &&
         choose_cache(settings, *service.view).kind == CachePlan::Kind::ephemeral;
}

/// What a service's status says of the Model: each of its Pods fetches by itself, and only the service follows them.
ModelOutlook told_by(const ServiceObject& service, const std::string& model) {
  ModelOutlook told{ModelState::pending, "FetchPending", "each Pod fetches into its own cache", std::nullopt};
  const json status = parse_status(service.status);
  const auto list = status.find("models");
  if (list == status.end() || !list->is_array()) return told;
  for (const auto& entry : *list) {
    if (text_of(entry, "name") != model || text_of(entry, "reason").empty()) continue;
    told.reason = text_of(entry, "reason");
    told.message = text_of(entry, "message");
    told.state = state_of(told.reason);
    if (const auto size = entry.find("sizeBytes"); size != entry.end() && size->is_number_integer())
      told.artifact = Artifact{{}, {}, size->get<std::int64_t>(), text_of(entry, "sha256")};
  }
  return told;
}

ModelOutlook outlook(const Settings& settings, const ObservedModel& observed) {
  if (!observed.model.mistakes.empty())
    return {ModelState::failed, "ModelInvalid", observed.model.mistakes, std::nullopt};
  ModelOutlook best;
  bool any = false;
  const auto take = [&](ModelOutlook seen) {
    if (any && rank(seen.state) <= rank(best.state)) return;
    best = std::move(seen);
    any = true;
  };
  for (const auto* service : places(settings, observed)) {
    if (is_ephemeral(settings, observed, *service)) {
      take(told_by(*service, observed.model.meta.name));
      continue;
    }
    Observed seen;
    seen.service = *service;
    seen.models.emplace(observed.model.meta.name, observed.model);
    seen.jobs = observed.jobs;
    seen.fetch_pods = observed.fetch_pods;
    seen.claims = observed.claims;
    const Plan plan = make_plan(settings, seen);
    const auto consider = [&](const ServedModel& model) {
      if (model.object != nullptr) take({model.state, model.reason, model.message, model.artifact});
    };
    for (const auto& model : plan.models) consider(model);
    if (plan.draft) consider(*plan.draft);
  }
  return best;
}

/// As `ls -lh` and LLMKube say it: "4.1 GiB".
std::string human_size(std::int64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", size, kUnits[unit]);
  return text.data();
}

std::vector<Condition> conditions_of(const ModelOutlook& now) {
  const bool available = now.state == ModelState::available;
  const bool moving = now.state == ModelState::pending || now.state == ModelState::downloading;
  return {{"Available", available, now.reason, now.message},
          {"Progressing", moving, now.reason, now.message},
          {"Degraded", now.state == ModelState::failed, now.reason, now.message}};
}

void decide_model_status(const Settings& settings, const ObservedModel& observed, base::WallTime now,
                         Decision& decision) {
  const auto& model = *observed.model.view;
  constexpr std::chrono::seconds kEphemeralInterval{15};
  const auto seen = outlook(settings, observed);
  // A status is not announced to whom it speaks of.
  if (std::ranges::any_of(observed.services, [&](const auto& at) { return is_ephemeral(settings, observed, at); }))
    look_again(decision, kEphemeralInterval);
  const json previous = parse_status(observed.model.status);
  const auto phase = std::ranges::find(kPhases, seen.state, &ModelPhase::state)->phase;
  json status = {{"phase", phase}, {"observedGeneration", observed.model.meta.generation}};
  if (api::claim_of_source(model.spec.source).empty()) status["cacheKey"] = api::cache_key(model.spec.source);
  if (seen.artifact) {
    if (!seen.artifact->path.empty()) status["path"] = seen.artifact->path;
    status["size"] = human_size(seen.artifact->size_bytes);
    if (!seen.artifact->sha256.empty()) status["sha256"] = seen.artifact->sha256;
  }
  const auto conditions = conditions_of(seen);
  status["conditions"] = render_conditions(conditions, previous, observed.model.meta.generation, now);
  if (says_already(previous, status, kFields, kConditions)) return;
  status["lastUpdated"] = base::format_rfc3339(now);
  decision.status = status_body("Model", observed.model.meta, status);
  // Who waits for a Model's files reads the service, and nothing comes after the last word about them.
  decision.status_can_wait = seen.state == ModelState::pending || seen.state == ModelState::downloading;
  if (decision.status_can_wait) decision.status_mark = mark_of(std::move(status));
  const auto before = previous.find("phase");
  if (before != previous.end() && *before == phase) return;
  // That the files are there is told on the services, whose users wait for them.
  if (seen.state == ModelState::failed) decision.events.push_back({true, seen.reason, seen.message});
}

}  // namespace

Decision reconcile_model(const Settings& settings, const ObservedModel& observed, base::WallTime now) {
  Decision decision;
  if (observed.model.meta.deleting) return decision;
  keep_jobs(settings, observed, now, decision);
  if (settings.alone()) decide_model_status(settings, observed, now, decision);
  return decision;
}

}  // namespace reconciler
