#include "reconciler/pod/agent/residency.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/text.hpp"

namespace agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Between the end of one model and the start of the next llama-server lists neither (4 ms when measured).
constexpr milliseconds kSwapGap{1'000};
/// How long an answer of `check_idle` counts, and how often it is asked.
constexpr milliseconds kIdleCounts{250};
constexpr milliseconds kCheckEvery{100};
/// A model that was loaded for so long did not crash because of its load.
constexpr milliseconds kStable{10'000};
/// "model limit reached, try again later".
constexpr milliseconds kRetryRefused{1'000};
/// An unload may fail, or not do what it answered.
constexpr milliseconds kUnloadAgain{5'000};

constexpr std::array<std::string_view, 5> kStateNames{"unloaded", "loading", "loaded", "sleeping", "failed"};

bool is_resident(const Residency::Model& model) {
  return model.state == ModelState::loaded || model.state == ModelState::sleeping;
}

bool is_doubtful(const Residency::Model& model) { return model.state == ModelState::failed || model.failures > 1; }

/// 1, 2, 4 ... 60 s.
milliseconds retry_delay(unsigned failures) {
  constexpr milliseconds kLongest{60'000};
  if (failures == 0) return {};
  return std::min<milliseconds>(seconds{1} * (1U << std::min(failures - 1, 10U)), kLongest);
}

ModelState state_of(ServerState state) {
  switch (state) {
    case ServerState::unloaded:
      return ModelState::unloaded;
    case ServerState::loading:
      return ModelState::loading;
    case ServerState::loaded:
      return ModelState::loaded;
    case ServerState::sleeping:
      return ModelState::sleeping;
  }
  return ModelState::unloaded;
}

std::string with_cause(std::string_view what, int exit_code, const std::string& cause) {
  return std::string(what) + " (exit code " + std::to_string(exit_code) + ")" +
         (cause.empty() ? "; the log of container llama-server says why" : ": " + cause);
}

}  // namespace

std::string overdue_cause(milliseconds load_timeout) {
  return "did not finish loading within " + std::to_string(std::chrono::duration_cast<seconds>(load_timeout).count()) +
         " s";
}

std::string_view to_string(ModelState state) { return kStateNames.at(static_cast<std::size_t>(state)); }

// Events.

void Residency::preload_changed(std::vector<std::string> preload) {
  for (const auto& name : preload) {
    const bool is_new = std::ranges::find(preload_, name) == preload_.end();
    if (is_new && std::ranges::find(wanted_, name) == wanted_.end()) wanted_.push_back(name);
  }
  preload_ = std::move(preload);
}

void Residency::file_changed(Preset preset) {
  file_ = std::move(preset);
  if (in_force_ && in_force_->hash == file_->hash) reload_error_.clear();
  // What waits is judged anew against the new file.
  if (phase_ == PresetPhase::waiting) phase_ = PresetPhase::settled;
}

void Residency::file_refused(const base::Error& error) {
  reload_error_ = error.to_string();
  file_.reset();
  if (phase_ == PresetPhase::waiting) {
    phase_ = PresetPhase::settled;
    concerned_.clear();
  }
  note("preset-refused", {}, reload_error_);
}

void Residency::models_listed(const Listing& listing) {
  if (!reachable_) {
    reachable_ = true;
    server_error_.clear();
    wanted_ = preload_;
    note("server-reached", {});
  }
  std::vector<Model> models;
  models.reserve(listing.size());
  for (const auto& listed : listing) {
    Model model;
    if (auto* known = find(listed.name)) model = std::move(*known);
    model.name = listed.name;
    model.aliases = listed.aliases;
    follow(model, listed);
    models.push_back(std::move(model));
  }
  models_ = std::move(models);
  if (reloading_ && phase_ == PresetPhase::settled) settle_reload();
  update_readiness();
}

/// Takes one model's new state from the listing.
void Residency::follow(Model& model, const ListedModel& listed) {
  const auto now = clock_.steady();
  const auto state = state_of(listed.state);
  const bool newly_failed = listed.failed && !model.listed_failed;
  model.listed_failed = listed.failed;

  if (state == ModelState::unloaded) {
    const bool was_up = model.state == ModelState::loading || is_resident(model);
    if (listed.failed && (was_up || newly_failed)) return ended(model, listed);
    if (model.state != ModelState::failed) model.state = ModelState::unloaded;
    model.loaded_since.reset();
    return;
  }
  if (state == ModelState::loading && model.state != ModelState::loading) {
    // Only a sleeping model wakes; any other load is a new one, also when its unload went unseen.
    if (model.state != ModelState::sleeping) model.loaded_since.reset();
    model.loading_since = now;
    model.overdue = false;
  }
  if (state == ModelState::loaded && !model.loaded_since) {
    model.loaded_since = now;
    model.overdue = false;
    model.failure.reset();
    std::erase(wanted_, model.name);
    note("model-loaded", model.name);
  }
  model.state = state;
}

/// Its child ended badly: a load that failed, or a crash.
void Residency::ended(Model& model, const ListedModel& listed) {
  const auto now = clock_.steady();
  const bool crashed = model.loaded_since.has_value();
  const bool was_stable = crashed && now - *model.loaded_since >= kStable;
  if (was_stable) model.failures = 0;

  std::string why;
  if (model.overdue) {
    why = overdue_cause(settings_.load_timeout);  // ended from outside, its log has nothing to say
  } else {
    const auto cause = settings_.cause_of ? settings_.cause_of(model.name, !crashed) : std::string();
    why = with_cause(crashed ? "ended while it was loaded" : "failed to load", listed.exit_code, cause);
  }
  model.failure = Failure{listed.exit_code, std::move(why), clock_.wall()};
  model.state = crashed ? ModelState::unloaded : ModelState::failed;
  model.loaded_since.reset();
  // The first crash is healed at once, a failed load after a second.
  model.next_try = now + retry_delay(crashed ? model.failures : model.failures + 1);
  ++model.failures;
  if (crashed) want_first(model.name);
  note(crashed ? "model-crashed" : "model-failed", model.name, model.failure->message);
}

void Residency::server_lost(std::string why) {
  if (reachable_) note("server-lost", {}, why);
  reachable_ = false;
  server_error_ = std::move(why);
  models_.clear();
  asked_.reset();
  was_ready_ = false;
  nothing_since_.reset();
  in_force_.reset();
  reloading_.reset();
  refused_hash_.clear();
  phase_ = PresetPhase::settled;
  concerned_.clear();
}

void Residency::load_answered(const std::string& name, const base::Result<>& outcome) {
  asked_.reset();
  auto* model = find(name);
  if (model == nullptr) return;
  const auto now = clock_.steady();
  if (!outcome) {
    model->next_try = now + kRetryRefused;
    note("load-refused", name, outcome.error().what);
    return;
  }
  if (model->state != ModelState::loading && !is_resident(*model)) {
    model->state = ModelState::loading;
    model->loading_since = now;
    model->overdue = false;
    // A failed load that follows is a new one, whatever the listing said before.
    model->listed_failed = false;
  }
  update_readiness();
}

void Residency::busy_checked(const std::string& name, bool busy) {
  auto* model = find(name);
  if (model == nullptr) return;
  if (busy) {
    model->idle_at.reset();
  } else {
    model->idle_at = clock_.steady();
  }
}

void Residency::reload_finished(const base::Result<>& outcome) {
  if (phase_ != PresetPhase::reloading) return;
  phase_ = PresetPhase::settled;
  concerned_.clear();
  if (!outcome) {
    refused_hash_ = reloading_ ? reloading_->hash : std::string();
    reloading_.reset();
    reload_error_ = outcome.error().to_string();
    note("preset-refused", {}, reload_error_);
  }
  // Else the next listing is compared with it.
}

/// After a reload that llama-server took: what it lists must be what the file holds.
void Residency::settle_reload() {
  const Preset taken = *std::exchange(reloading_, std::nullopt);
  std::vector<std::string> missing;
  for (const auto& section : taken.sections) {
    if (find(section.name) == nullptr) missing.push_back(section.name);
  }
  if (!missing.empty()) {
    refused_hash_ = taken.hash;
    reload_error_ = "models.ini: after a reload llama-server does not list " + base::join(missing, ", ");
    note("preset-refused", {}, reload_error_);
    return;
  }
  for (auto& model : models_) {
    const auto* before = in_force_ ? in_force_->find(model.name) : nullptr;
    const auto* after = taken.find(model.name);
    if (model.state != ModelState::failed || before == nullptr || after == nullptr || before->keys == after->keys)
      continue;
    model.state = ModelState::unloaded;
    model.failure.reset();
    model.failures = 0;
    model.next_try = {};
  }
  for (auto name = resident_before_.rbegin(); name != resident_before_.rend(); ++name) {
    const auto* model = find(*name);
    if (model != nullptr && !is_resident(*model)) want_first(*name);
  }
  in_force_ = taken;
  reload_error_.clear();
  note("preset-in-force", {}, taken.hash);
}

// Decisions.

std::vector<Action> Residency::decide() {
  std::vector<Action> actions;
  update_readiness();
  if (!reachable_) return actions;
  end_overdue_loads(actions);
  if (step_preset(actions)) step_load(actions);
  return actions;
}

void Residency::end_overdue_loads(std::vector<Action>& actions) {
  const auto now = clock_.steady();
  for (auto& model : models_) {
    const bool late = model.state == ModelState::loading && now - model.loading_since > settings_.load_timeout;
    if (!late || (model.overdue && now < model.next_unload)) continue;
    if (!std::exchange(model.overdue, true)) note("load-overdue", model.name);
    model.next_unload = now + kUnloadAgain;
    actions.push_back({Action::Kind::unload, model.name});
  }
}

/// False while a reload is under way, or due at once: nothing is loaded meanwhile.
bool Residency::step_preset(std::vector<Action>& actions) {
  if (phase_ == PresetPhase::reloading || reloading_) return false;
  const auto now = clock_.steady();
  if (phase_ == PresetPhase::settled) {
    const bool differs = file_ && (!in_force_ || in_force_->hash != file_->hash) && file_->hash != refused_hash_;
    if (!differs) {
      concerned_.clear();
      return true;
    }
    phase_ = PresetPhase::waiting;
    reload_deadline_ = now + settings_.reload_timeout;
    next_check_ = now;
    concerned_.clear();
    const auto changed = in_force_ ? changed_sections(*in_force_, *file_) : std::set<std::string, std::less<>>{};
    for (auto& model : models_) {
      model.idle_at.reset();
      const bool up = is_resident(model) || model.state == ModelState::loading;
      if (up && (!in_force_ || changed.contains(model.name))) concerned_.insert(model.name);
    }
  }

  std::vector<std::string> busy;
  for (const auto& name : concerned_) {
    const auto* model = find(name);
    const bool up = model != nullptr && (is_resident(*model) || model->state == ModelState::loading);
    const bool idle = !up || (model->idle_at && now - *model->idle_at <= kIdleCounts);
    if (!idle) busy.push_back(name);
  }
  const bool late = now >= reload_deadline_;
  if (!busy.empty() && !late) {
    if (now >= next_check_) {
      next_check_ = now + kCheckEvery;
      for (const auto& name : busy) actions.push_back({Action::Kind::check_idle, name});
    }
    return true;
  }
  if (!busy.empty()) note("reload-cuts-requests", base::join(busy, ","), "not idle before the deadline");
  phase_ = PresetPhase::reloading;
  reloading_ = file_;
  resident_before_ = resident();
  actions.push_back({Action::Kind::reload, {}});
  return false;
}

void Residency::step_load(std::vector<Action>& actions) {
  if (asked_ || is_loading() || count_resident() >= settings_.max_loaded) return;
  const auto now = clock_.steady();
  Model* best = nullptr;
  for (auto* model : candidates()) {
    if (is_resident(*model) || model->next_try > now || concerned_.contains(model->name)) continue;
    // Candidates come in order of preference; one that failed, or crashed more than once, is tried after the others.
    const bool better = best == nullptr || (is_doubtful(*best) && !is_doubtful(*model)) ||
                        (is_doubtful(*best) && is_doubtful(*model) && model->next_try < best->next_try);
    if (better) best = model;
  }
  if (best == nullptr) return;
  asked_ = best->name;
  actions.push_back({Action::Kind::load, best->name});
}

/// With a model resident only what is wanted; with none, anything that could make the Pod ready.
std::vector<Residency::Model*> Residency::candidates() {
  std::vector<Model*> out;
  const auto append = [&](const std::string& name) {
    auto* model = find(name);
    if (model != nullptr && std::ranges::find(out, model) == out.end()) out.push_back(model);
  };
  for (const auto& name : wanted_) append(name);
  if (count_resident() > 0) return out;
  for (const auto& name : preload_) append(name);
  for (const auto& model : models_) append(model.name);
  return out;
}

// What is known.

bool Residency::ready() const {
  if (count_resident() > 0) return true;
  if (is_swapping()) return was_ready_;
  return was_ready_ && nothing_since_ && clock_.steady() - *nothing_since_ < kSwapGap;
}

/// A model is about to be there. One that should be there by now is not.
bool Residency::is_swapping() const {
  return asked_ || std::ranges::any_of(models_, [](const Model& model) {
           return model.state == ModelState::loading && !model.overdue;
         });
}

void Residency::update_readiness() {
  if (count_resident() > 0) {
    was_ready_ = true;
    nothing_since_.reset();
    return;
  }
  if (is_swapping()) {
    nothing_since_.reset();
    return;
  }
  const auto now = clock_.steady();
  if (!nothing_since_) nothing_since_ = now;
  if (now - *nothing_since_ >= kSwapGap) was_ready_ = false;
}

std::vector<std::string> Residency::resident() const {
  std::vector<std::string> names;
  for (const auto& model : models_) {
    if (is_resident(model)) names.push_back(model.name);
  }
  return names;
}

std::vector<Note> Residency::take_notes() { return std::exchange(notes_, {}); }

Residency::Model* Residency::find(std::string_view name) {
  const auto found = std::ranges::find(models_, name, &Model::name);
  return found == models_.end() ? nullptr : &*found;
}

std::size_t Residency::count_resident() const {
  return static_cast<std::size_t>(std::ranges::count_if(models_, is_resident));
}

bool Residency::is_loading() const {
  return std::ranges::any_of(models_, [](const Model& model) { return model.state == ModelState::loading; });
}

void Residency::want_first(const std::string& name) {
  std::erase(wanted_, name);
  wanted_.insert(wanted_.begin(), name);
}

void Residency::note(std::string event, const std::string& model, std::string text) {
  notes_.push_back({std::move(event), model, std::move(text)});
}

}  // namespace agent
