#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "reconciler/pod/agent/listing.hpp"
#include "reconciler/pod/agent/preset.hpp"

namespace agent {

/// What one model is to the reconciler. It follows `GET /models`; what that cannot tell apart is told here: a failed
/// load from a crash, and a failure that a reload has wiped out.
///
///                    asked, or seen loading                    seen loaded
///     unloaded ─────────────────────────────► loading ─────────────────────────► loaded ◄───► sleeping
///        ▲  ▲                                  │  ▲                                 │             │
///        │  └──── unloaded or crashed ─────────┼──┼─────────────────────────────────┴─────────────┘
///        │                                     │  │
///        │             child ended, or deadline│  │ tried again (after the others, with backoff)
///        │                                     ▼  │
///        └─────── its section changed ──────── failed
enum class ModelState { unloaded, loading, loaded, sleeping, failed };

[[nodiscard]] std::string_view to_string(ModelState state);

/// How the preset in the file becomes the preset in force.
///
///                  file differs from what is in force            models concerned idle, or deadline
///       settled ────────────────────────────────────► waiting ─────────────────────────────────────► reloading
///        ▲  ▲                                                                                         │     │
///        │  └───────── refused: error kept, this file is not tried again ─────────────────────────────┘     │
///        └──────────── taken: GET /models is compared with it, models it unloaded are wanted again ─────────┘
enum class PresetPhase { settled, waiting, reloading };

/// Why a model is not loaded.
struct Failure {
  int exit_code = 0;
  std::string message;
  base::WallTime at;
};

/// Why a load that was ended by its deadline failed.
[[nodiscard]] std::string overdue_cause(std::chrono::milliseconds load_timeout);

/// What is to be done now; its outcome comes back as an event.
struct Action {
  enum class Kind {
    /// POST /models/load, answered by `load_answered`.
    load,
    /// POST /models/unload; the next listing shows the outcome.
    unload,
    /// Are requests in flight in this model? Answered by `busy_checked`.
    check_idle,
    /// GET /models?reload=1, answered by `reload_finished`.
    reload,
  };
  Kind kind;
  std::string model;
  bool operator==(const Action&) const = default;
};

/// Something that happened once, for the log.
struct Note {
  std::string event;
  std::string model;
  std::string text;
};

/// Which models are resident, and which should be: the agent's mind, without its hands. Events go in, `decide` gives
/// what to do; time comes from the clock. Not thread-safe.
class Residency {
 public:
  struct Settings {
    /// `--models-max` of llama-server: so many models fit at once.
    std::size_t max_loaded = 1;
    /// A longer load counts as failed, and is ended.
    std::chrono::milliseconds load_timeout{1'800'000};
    /// A reload waits at most so long for the models it would unload to become idle.
    std::chrono::milliseconds reload_timeout{60'000};
    /// What a model's own log says of its end; empty when it says nothing, or when there is none.
    std::function<std::string(const std::string& model, bool while_loading)> cause_of{};
  };

  /// One model as `/state` shows it.
  struct Model {
    std::string name;
    std::vector<std::string> aliases;
    ModelState state = ModelState::unloaded;
    /// The last failure or crash; a good load ends it.
    std::optional<Failure> failure;

    // What only the machine needs.
    base::SteadyTime loading_since;
    base::SteadyTime next_try;
    std::optional<base::SteadyTime> loaded_since;
    std::optional<base::SteadyTime> idle_at;
    unsigned failures = 0;
    bool listed_failed = false;
    /// Its last load was to end at the deadline; one that goes on is asked to end again at `next_unload`.
    bool overdue = false;
    base::SteadyTime next_unload;
  };

  Residency(Settings settings, const base::Clock& clock) : settings_(settings), clock_(clock) {}

  /// agent.json was read: names not seen before are wanted from now on.
  void preload_changed(std::vector<std::string> preload);
  /// The mounted file was read.
  void file_changed(Preset preset);
  /// The mounted file cannot be used; what is in force stays.
  void file_refused(const base::Error& error);
  /// `GET /models` answered.
  void models_listed(const Listing& listing);
  /// llama-server does not answer: what is known of it is void, it may come back as another process.
  void server_lost(std::string why);
  /// Outcome of `load`: an error says why llama-server did not even begin. That is no failure of the model, and it is
  /// asked again.
  void load_answered(const std::string& name, const base::Result<>& outcome);
  /// Outcome of `check_idle`.
  void busy_checked(const std::string& name, bool busy);
  /// Outcome of `reload`.
  void reload_finished(const base::Result<>& outcome);

  /// What is to be done now. Calling it twice asks for nothing twice.
  [[nodiscard]] std::vector<Action> decide();

  /// What happened since the last call.
  [[nodiscard]] std::vector<Note> take_notes();

  /// The Pod's readiness (design: section 8). 200 with a model loaded or sleeping; also in the middle of a swap.
  [[nodiscard]] bool ready() const;
  [[nodiscard]] const std::vector<Model>& models() const { return models_; }
  /// Loaded or sleeping.
  [[nodiscard]] std::vector<std::string> resident() const;
  /// A load is under way, by whomever it was begun.
  [[nodiscard]] bool is_loading() const;
  /// Empty until it is known what llama-server has read.
  [[nodiscard]] std::string preset_hash() const { return in_force_ ? in_force_->hash : std::string(); }
  [[nodiscard]] const std::string& reload_error() const { return reload_error_; }
  /// Why llama-server is not reachable; empty when it is.
  [[nodiscard]] const std::string& server_error() const { return server_error_; }
  [[nodiscard]] PresetPhase phase() const { return phase_; }
  /// The models that a waiting or running reload would unload: who can, keeps new requests away from them.
  [[nodiscard]] const std::set<std::string, std::less<>>& concerned() const { return concerned_; }

 private:
  Model* find(std::string_view name);
  [[nodiscard]] std::size_t count_resident() const;
  void follow(Model& model, const ListedModel& listed);
  void ended(Model& model, const ListedModel& listed);
  void settle_reload();
  void want_first(const std::string& name);
  [[nodiscard]] bool is_swapping() const;
  void update_readiness();
  void end_overdue_loads(std::vector<Action>& actions);
  [[nodiscard]] bool step_preset(std::vector<Action>& actions);
  void step_load(std::vector<Action>& actions);
  [[nodiscard]] std::vector<Model*> candidates();
  void note(std::string event, const std::string& model, std::string text = {});

  const Settings settings_;
  const base::Clock& clock_;

  std::vector<Model> models_;
  bool reachable_ = false;
  std::string server_error_ = "not asked yet";

  std::vector<std::string> preload_;
  /// To be loaded when a place is free: preload at start, models that crashed, models that a reload unloaded.
  std::vector<std::string> wanted_;
  /// The model whose `load` is not answered yet.
  std::optional<std::string> asked_;

  bool was_ready_ = false;
  std::optional<base::SteadyTime> nothing_since_;

  PresetPhase phase_ = PresetPhase::settled;
  std::optional<Preset> in_force_;
  std::optional<Preset> file_;
  std::optional<Preset> reloading_;
  std::string refused_hash_;
  std::string reload_error_;
  base::SteadyTime reload_deadline_;
  base::SteadyTime next_check_;
  std::set<std::string, std::less<>> concerned_;
  std::vector<std::string> resident_before_;

  std::vector<Note> notes_;
};

}  // namespace agent
