#include "reconciler/pod/agent/agent.hpp"

#include <pthread.h>

#include <nlohmann/json.hpp>

#include "common/base/log.hpp"
#include "reconciler/pod/agent/model_metrics.hpp"

namespace agent {
namespace {

using std::chrono::milliseconds;

/// How often files are looked at, and whatever waits for a time is decided.
constexpr milliseconds kTick{200};
/// Events come in bursts; a listing after each would be waste.
constexpr milliseconds kListAtMost{50};
/// A drain is over when nothing was in flight for so long: endpoints vanish from nodes a little after the Pod does
/// from the API server, and what comes until then is served.
constexpr milliseconds kQuiet{1'500};
constexpr milliseconds kDrainCheck{100};
/// The kubelet may be late with what it does at the end of the grace period.
constexpr milliseconds kLateKubelet{10'000};

std::string_view phase_name(PresetPhase phase) {
  switch (phase) {
    case PresetPhase::settled:
      return "settled";
    case PresetPhase::waiting:
      return "waiting";
    case PresetPhase::reloading:
      return "reloading";
  }
  return "settled";
}

nlohmann::ordered_json json_of(const Residency::Model& model) {
  nlohmann::ordered_json out{{"name", model.name}, {"aliases", model.aliases}, {"state", to_string(model.state)}};
  out["failure"] = nullptr;
  if (model.failure) {
    out["failure"] = {{"exitCode", model.failure->exit_code},
                      {"message", model.failure->message},
                      {"at", base::format_rfc3339(model.failure->at)}};
  }
  return out;
}

/// True when the file behind the path is not the one of `stamp`, which then becomes its stamp.
bool replaced(const std::string& path, std::optional<base::FileStamp>& stamp) {
  const auto now = base::stamp_file(path);
  if (!now || now == stamp) return false;
  stamp = now;
  return true;
}

}  // namespace

Agent::Agent(Options options, LlamaServer& server, SharedScheduler* gate, base::MetricTable& metrics,
             const base::Clock& clock)
    : options_(std::move(options)),
      server_(server),
      gate_(gate),
      metrics_(metrics),
      clock_(clock),
      statistics_(metrics, clock),
      logs_(options_.child_logs),
      residency_(residency_settings(), clock) {
  if (gate_ != nullptr) gate_->set_cause([this](const std::string& model) { return cause_of_failed_load(model); });
}

Residency::Settings Agent::residency_settings() const {
  auto settings = options_.residency;
  settings.cause_of = [this](const std::string& model, bool while_loading) {
    return logs_.cause(model, while_loading);
  };
  return settings;
}

Agent::~Agent() {
  stop();
  if (gate_ != nullptr) gate_->set_cause({});
}

void Agent::start() {
  decider_ = std::thread([this] { run(); });
  pthread_setname_np(decider_.native_handle(), "decide");
  follower_ = std::thread([this] { follow_events(); });
  pthread_setname_np(follower_.native_handle(), "follow");
}

void Agent::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  cancellation_.cancel();
  if (decider_.joinable()) decider_.join();
  if (follower_.joinable()) follower_.join();
}

// The deciding thread.

void Agent::run() {
  while (true) {
    read_files();
    list();
    std::vector<Action> actions;
    {
      std::unique_lock lock(mutex_);
      actions = residency_.decide();
      note_overdue();
      // Held from the moment that a reload is due until it is done; meanwhile what it unloads becomes idle.
      if (gate_ != nullptr) gate_->hold(residency_.concerned(), residency_.phase() == PresetPhase::reloading);
    }
    log_notes();
    for (const auto& action : actions) carry_out(action);
    if (list_now_) continue;

    std::unique_lock lock(mutex_);
    // What is heard too soon after a listing waits for the next.
    changed_.wait_for(lock, kListAtMost - (clock_.steady() - listed_at_), [this] { return stopping_; });
    changed_.wait_for(lock, kTick, [this] { return stopping_ || heard_; });
    if (stopping_) return;
  }
}

void Agent::read_files() {
  if (replaced(options_.config_path, config_stamp_)) {
    const auto text = base::read_file(options_.config_path);
    const auto config = text ? parse_config(*text) : std::unexpected(text.error());
    if (config) {
      if (gate_ != nullptr) gate_->configure(config->scheduling);
      const std::lock_guard lock(mutex_);
      residency_.preload_changed(config->preload);
    } else {
      base::log::error("config-refused", {{"error", config.error().to_string()}});
    }
  }
  if (replaced(options_.preset_path, preset_stamp_)) {
    const auto text = base::read_file(options_.preset_path);
    auto preset = text ? parse_preset(*text) : std::unexpected(text.error());
    if (preset) logs_.prepare(*preset);
    const std::lock_guard lock(mutex_);
    if (preset) {
      residency_.file_changed(std::move(*preset));
    } else {
      residency_.file_refused(preset.error());
    }
  }
}

/// Asks llama-server for its models when that is due.
void Agent::list() {
  const auto since = clock_.steady() - listed_at_;
  bool heard = false;
  bool loading = false;
  {
    const std::lock_guard lock(mutex_);
    loading = residency_.is_loading();
    if (stopping_) {
      list_now_ = false;
      return;
    }
    if (since >= kListAtMost) heard = std::exchange(heard_, false);
  }
  const auto interval = following_ ? options_.ask_following : !listed_ok_ || loading ? kTick : options_.ask_alone;
  if (!list_now_ && !heard && since < interval) return;
  list_now_ = false;

  const auto asked_at = clock_.steady();
  auto listing = server_.list();
  listed_at_ = clock_.steady();
  if (!listing) {
    listed_ok_ = false;
    if (gate_ != nullptr) gate_->server_lost();
    statistics_.forget();
    const std::lock_guard lock(mutex_);
    residency_.server_lost(listing.error().to_string());
    return;
  }
  if (!following_) statistics_.heard(*listing);
  if (!listed_ok_) read_build();
  end_drain(!listed_ok_);
  listed_ok_ = true;
  for (const auto& model : *listing) logs_.trim(model.name);
  {
    const std::lock_guard lock(mutex_);
    residency_.models_listed(*listing);
    note_overdue();
  }
  if (gate_ != nullptr) tell_gate(asked_at);
}

/// Caller holds mutex_.
void Agent::note_overdue() {
  const std::lock_guard lock(overdue_mutex_);
  overdue_.clear();
  for (const auto& model : residency_.models()) {
    if (model.overdue) overdue_.insert(model.name);
  }
}

std::string Agent::cause_of_failed_load(const std::string& model) const {
  {
    const std::lock_guard lock(overdue_mutex_);
    if (overdue_.contains(model)) return overdue_cause(options_.residency.load_timeout);
  }
  return logs_.cause(model, true);
}

void Agent::tell_gate(base::SteadyTime asked_at) {
  std::vector<SharedScheduler::Known> known;
  bool our_load_ended = our_load_.has_value();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& model : residency_.models()) {
      const bool loading = model.state == ModelState::loading;
      const bool loaded = model.state == ModelState::loaded || model.state == ModelState::sleeping;
      const bool failed = model.state == ModelState::failed && model.failure;
      known.push_back({model.name, model.aliases, loading || loaded, loaded, failed ? model.failure->message : ""});
      if (our_load_ && our_load_->first == model.name && loading) our_load_ended = false;
    }
  }
  // In this order: a load that failed gives its place back at once.
  if (our_load_ended) gate_->end_load(std::exchange(our_load_, std::nullopt)->second);
  gate_->observe(known, asked_at);
}

void Agent::read_build() {
  const auto build = server_.build();
  const std::lock_guard lock(mutex_);
  build_ = build.value_or("");
}

/// llama-server answers. One that is there anew: whatever was drained was the one before it. One that should be gone
/// by now: nobody stops it.
void Agent::end_drain(bool restarted) {
  const std::lock_guard lock(mutex_);
  if (!draining_ || drains_ > 0 || (!restarted && clock_.steady() < drain_void_at_)) return;
  draining_ = false;
  if (gate_ != nullptr) gate_->reopen();
  base::log::info("drain-ends",
                  {{"reason", restarted ? "llama-server was restarted" : "no SIGTERM followed in the grace period"}});
}

void Agent::carry_out(const Action& action) {
  switch (action.kind) {
    case Action::Kind::load:
      return load(action.model);
    case Action::Kind::unload: {
      const auto outcome = server_.unload(action.model);
      if (!outcome) base::log::warning("unload-refused", {{"model", action.model}, {"error", outcome.error().what}});
      list_now_ = true;
      return;
    }
    case Action::Kind::check_idle: {
      const bool busy =
          (gate_ != nullptr && gate_->in_flight(action.model) > 0) || server_.is_busy(action.model).value_or(true);
      const std::lock_guard lock(mutex_);
      residency_.busy_checked(action.model, busy);
      heard_ = true;
      return;
    }
    case Action::Kind::reload:
      return reload();
  }
}

/// A load takes a free place, and never one that requests wait for.
void Agent::load(const std::string& name) {
  if (gate_ != nullptr) {
    const auto ticket = gate_->begin_load(name);
    if (!ticket) {
      const std::lock_guard lock(mutex_);
      return residency_.load_answered(name, base::fail("requests have taken the place", "gate"));
    }
    our_load_ = {name, *ticket};
  }
  base::log::info("load", {{"model", name}});
  const auto outcome = server_.load(name);
  if (!outcome && our_load_) gate_->end_load(std::exchange(our_load_, std::nullopt)->second);
  list_now_ = true;
  const std::lock_guard lock(mutex_);
  residency_.load_answered(name, outcome);
}

void Agent::reload() {
  if (gate_ != nullptr) {
    const std::lock_guard lock(mutex_);
    gate_->hold(residency_.concerned(), true);
  }
  base::log::info("preset-reload");
  bool refused = false;
  const auto outcome = server_.reload(refused);
  list_now_ = true;
  const std::lock_guard lock(mutex_);
  if (outcome || refused) {
    residency_.reload_finished(outcome);
    metrics_.add("router_agent_preset_reloads_total", {outcome ? "taken" : "refused"});
  } else {
    // No answer: what it has read is not known, so once it answers again the reload is made again.
    residency_.server_lost(outcome.error().to_string());
    listed_ok_ = false;
  }
}

void Agent::log_notes() {
  std::vector<Note> notes;
  {
    const std::lock_guard lock(mutex_);
    notes = residency_.take_notes();
  }
  for (const auto& note : notes) base::log::info(note.event, {{"model", note.model}, {"text", note.text}});
}

// The following thread.

void Agent::follow_events() {
  const auto wait = [this](milliseconds time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [this] { return stopping_; });
    return stopping_;
  };
  while (!wait(milliseconds{0})) {
    const auto outcome = server_.follow(
        [this](const ModelEvent& event) {
          following_ = true;
          statistics_.heard(event);
          {
            const std::lock_guard lock(mutex_);
            heard_ = true;
          }
          changed_.notify_all();
        },
        cancellation_);
    following_ = false;
    if (!outcome) base::log::debug("events-ended", {{"error", outcome.error().to_string()}});
    {
      // Most often llama-server has gone: find out now.
      const std::lock_guard lock(mutex_);
      heard_ = true;
    }
    changed_.notify_all();
    if (wait(kTick)) return;
  }
}

// What the routes answer.

bool Agent::ready(std::string& why) const {
  const std::lock_guard lock(mutex_);
  if (draining_) return why = "draining", false;
  if (!residency_.server_error().empty()) return why = "llama-server: " + residency_.server_error(), false;
  if (residency_.ready()) return true;
  why = "no model is loaded";
  for (const auto& model : residency_.models()) {
    if (model.state == ModelState::loading)
      why += "; " + model.name + " " + (model.overdue ? overdue_cause(options_.residency.load_timeout) : "is loading");
    if (model.state == ModelState::failed && model.failure) why += "; " + model.name + " " + model.failure->message;
  }
  return false;
}

base::Result<std::string> Agent::state() const {
  std::string why;
  const bool is_ready = ready(why);
  const std::lock_guard lock(mutex_);
  if (!residency_.server_error().empty()) return base::fail(residency_.server_error(), "llama-server");
  nlohmann::ordered_json out{{"presetHash", residency_.preset_hash()},
                             {"build", build_},
                             {"ready", is_ready},
                             {"swaps", static_cast<std::int64_t>(metrics_.value("router_agent_swaps_total"))},
                             {"reloadError", residency_.reload_error()},
                             {"reload", phase_name(residency_.phase())},
                             {"models", nlohmann::ordered_json::array()}};
  for (const auto& model : residency_.models()) out["models"].push_back(json_of(model));
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string Agent::metrics() const {
  std::vector<std::string> resident;
  bool up = false;
  {
    const std::lock_guard lock(mutex_);
    resident = residency_.resident();
    up = residency_.server_error().empty();
  }
  ModelMetrics models;
  for (const auto& name : resident) {
    // One that was unloaded meanwhile has none; the next scrape knows.
    if (const auto text = server_.metrics(name)) models.add(name, *text);
  }
  std::string why;
  const bool is_ready = ready(why);
  const std::lock_guard lock(scrape_mutex_);
  metrics_.set("router_agent_llama_server_up", {}, up ? 1 : 0);
  metrics_.set("router_agent_ready", {}, is_ready ? 1 : 0);
  if (gate_ != nullptr) gate_->write_metrics();
  metrics_.clear("router_agent_model_resident");
  for (const auto& name : resident) metrics_.set("router_agent_model_resident", {name}, 1);
  return metrics_.text() + models.text();
}

bool Agent::drain() {
  {
    const std::lock_guard lock(mutex_);
    ++drains_;
    if (!std::exchange(draining_, true)) base::log::info("drain-begins");
    drain_void_at_ = clock_.steady() + options_.grace_period + kLateKubelet;
    if (gate_ != nullptr) gate_->close(kQuiet);
  }
  const bool drained = wait_until_quiet();
  const std::lock_guard lock(mutex_);
  --drains_;
  return drained;
}

bool Agent::wait_until_quiet() {
  const auto start = clock_.steady();
  auto busy_at = start;
  while (clock_.steady() - start < options_.drain_timeout) {
    if (!is_quiet()) busy_at = clock_.steady();
    if (clock_.steady() - busy_at >= kQuiet) {
      base::log::info("drain-done");
      return true;
    }
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, kDrainCheck, [this] { return stopping_; })) return false;
  }
  base::log::warning("drain-timeout");
  return false;
}

/// No request is in flight in any model, and none waits for a load.
bool Agent::is_quiet() {
  if (gate_ != nullptr && gate_->unfinished() > 0) return false;
  std::vector<std::string> resident;
  {
    const std::lock_guard lock(mutex_);
    if (!residency_.server_error().empty()) return true;
    for (const auto& model : residency_.models()) {
      if (model.state == ModelState::loading) return false;
    }
    resident = residency_.resident();
  }
  for (const auto& name : resident) {
    // No answer: a child in the middle of a long batch. That llama-server has gone is told by `list`.
    if (server_.is_busy(name).value_or(true)) return false;
  }
  return true;
}

}  // namespace agent
