#include "reconciler/pod/fetch/run.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "common/api/source.hpp"
#include "common/base/log.hpp"
#include "reconciler/pod/fetch/cache.hpp"
#include "reconciler/pod/fetch/plan.hpp"
#include "reconciler/pod/fetch/probe.hpp"

namespace fetch {
namespace {

constexpr std::chrono::hours kPartialAge{24 * 7};

class Run {
 public:
  Run(const Options& options, Plan plan, Progress& progress, const std::stop_token& stop)
      : options_(options),
        plan_(std::move(plan)),
        progress_(progress),
        stop_(stop),
        layout_(plan_.volume, plan_.key),
        transport_({.ca_file = options.ca_file, .rate_limit = options.rate_limit}),
        good_(plan_.files.size()),
        asked_(plan_.files.size()) {}

  Try<Outcome> verify_only();
  Try<Outcome> fetch();

 private:
  [[nodiscard]] Try<> look();
  [[nodiscard]] Try<> look_at(std::size_t index);
  [[nodiscard]] Try<bool> take_if_good(std::size_t index, const std::string& name);
  [[nodiscard]] Try<> ask_for_changes();
  [[nodiscard]] Try<> measure(Reach reach);
  [[nodiscard]] Try<Identity> ask(std::size_t index);
  [[nodiscard]] Try<> bring(std::size_t index, Reach reach);
  [[nodiscard]] Try<> take(std::size_t index, Partial partial, const Downloaded& done);
  [[nodiscard]] Try<> publish(std::size_t index, Partial& partial);
  [[nodiscard]] Try<> check_splits() const;
  [[nodiscard]] bool all_good() const {
    return std::ranges::all_of(good_, [](const auto& file) { return file.has_value(); });
  }
  [[nodiscard]] std::vector<FinishedFile> finished() const;
  [[nodiscard]] std::string path_of(const std::string& name) const { return plan_.folder + "/" + name; }
  [[nodiscard]] std::string stem_of(const std::string& name, Reach reach) const {
    return layout_.partial_stem(name) + partial_suffix(reach, boot_);
  }
  struct Good {
    std::string name;
    Seen seen;
    /// Where it is until it is published.
    std::optional<Partial> partial{};
  };

  const Options& options_;
  Plan plan_;
  Progress& progress_;
  const std::stop_token& stop_;
  Layout layout_;
  const std::string boot_ = boot_id();
  Transport transport_;
  std::vector<std::optional<Good>> good_;
  std::vector<std::optional<Identity>> asked_;
};

Try<Outcome> Run::verify_only() {
  for (std::size_t i = 0; i < plan_.files.size(); ++i) {
    const auto& file = plan_.files[i];
    auto seen = verify_file(path_of(file.name), {file.remote.sha256, file.remote.gguf}, {}, progress_, stop_);
    if (!seen && seen.error().reason == Reason::not_found && file.role == Role::shard) {
      seen.error().reason = Reason::shard_missing;
    }
    if (!seen) return std::unexpected(seen.error());
    progress_.finish_file(seen->record.stamp.size);
    good_[i] = Good{file.name, *seen};
  }
  if (auto checked = check_splits(); !checked) return std::unexpected(checked.error());
  return Outcome{Reason::verified, "the files on the claim are good", finished(), 0};
}

Try<Outcome> Run::fetch() {
  if (auto looked = look(); !looked) return std::unexpected(looked.error());
  if (all_good() && !options_.on_change) {
    return Outcome{Reason::already_present, "good files are on the volume already", finished(), 0};
  }
  auto lock = KeyLock::take(layout_.lock(), stop_, [this] {
    progress_.set_state(State::waiting);
    base::log::info("waiting", {{"key", plan_.key}, {"reason", "another fetcher holds the lock"}});
  });
  if (!lock) return std::unexpected(lock.error());
  std::set<std::string> folders;
  for (const auto& file : plan_.files) {
    for (const auto& path : {path_of(file.name), layout_.record(file.name), stem_of(file.name, lock->reach())}) {
      folders.insert(folder_of(path));
    }
  }
  for (const auto& folder : folders) look_anew(plan_.volume, folder);
  sweep_partials(plan_.volume, kPartialAge);
  if (auto looked = look(); !looked) return std::unexpected(looked.error());
  const bool there = all_good();
  if (options_.on_change) {
    if (auto asked = ask_for_changes(); !asked) return std::unexpected(asked.error());
  }
  if (all_good()) {
    return Outcome{Reason::already_present, "good files are on the volume already", finished(), progress_.fetched()};
  }
  if (auto measured = measure(lock->reach()); !measured) return std::unexpected(measured.error());
  for (std::size_t i = plan_.files.size(); i-- > 0;) {
    if (good_[i]) {
      progress_.finish_file(good_[i]->seen.record.stamp.size);
    } else if (auto brought = bring(i, lock->reach()); !brought) {
      return std::unexpected(brought.error());
    }
  }
  if (auto checked = check_splits(); !checked) return std::unexpected(checked.error());
  // All are there: until then a set that is replaced is of the old version as a whole, and now of the new one.
  for (std::size_t i = plan_.files.size(); i-- > 0;) {
    if (!good_[i]->partial) continue;
    if (auto published = publish(i, *good_[i]->partial); !published) return std::unexpected(published.error());
  }
  return Outcome{Reason::fetched,
                 there ? "downloaded the new version, verified and published it" : "downloaded, verified and published",
                 finished(), progress_.fetched()};
}

/// From nothing, also when it has been done before: without the lock what was seen may have been replaced since. What
/// has been hashed for it has a record by now.
Try<> Run::look() {
  good_.clear();
  good_.resize(plan_.files.size());
  for (std::size_t i = 0; i < plan_.files.size(); ++i) {
    if (auto looked = look_at(i); !looked) return looked;
  }
  return {};
}

Try<> Run::look_at(std::size_t index) {
  std::vector<std::string> names{plan_.files[index].name};
  if (plan_.single) {
    for (auto& name : gguf_files_in(plan_.folder)) {
      if (name != names.front()) names.push_back(std::move(name));
    }
  }
  for (const auto& name : names) {
    const auto taken = take_if_good(index, name);
    if (!taken) return std::unexpected(taken.error());
    if (*taken) return {};
  }
  return {};
}

Try<bool> Run::take_if_good(std::size_t index, const std::string& name) {
  const auto& remote = plan_.files[index].remote;
  const auto record = read_record(layout_.record(name));
  auto seen = verify_file(path_of(name), {remote.sha256, remote.gguf}, record, progress_, stop_);
  if (seen) {
    if (record != seen->record) write_record(layout_.record(name), seen->record);
    good_[index] = Good{name, std::move(*seen)};
    return true;
  }
  if (seen.error().reason == Reason::interrupted) return std::unexpected(seen.error());
  if (seen.error().reason != Reason::not_found) {
    base::log::warning("not-good", {{"file", path_of(name)}, {"error", seen.error().error.to_string()}});
  }
  return false;
}

Try<> Run::ask_for_changes() {
  for (std::size_t i = 0; i < plan_.files.size(); ++i) {
    if (!good_[i]) continue;
    const auto identity = ask(i);
    if (identity) continue;
    // What is there is good, and fits together; a host that is away is no reason to be without a model.
    base::log::warning("cannot-ask", {{"error", identity.error().error.to_string()}});
    return {};
  }
  for (std::size_t i = 0; i < plan_.files.size(); ++i) {
    if (!good_[i]) continue;
    const auto& identity = asked_[i];
    auto& record = good_[i]->seen.record;
    const Identity before{{}, record.etag, record.last_modified, record.stamp.size, record.sha256};
    if (before.same_as(*identity)) {
      record.etag = identity->etag;
      record.last_modified = identity->last_modified;
      write_record(layout_.record(good_[i]->name), record);
    } else {
      base::log::info("source-changed", {{"file", good_[i]->name}});
      plan_.files[i].name = good_[i]->name;
      good_[i].reset();
    }
  }
  return {};
}

/// Sizes of a set, for the progress and for the room it needs. A single file tells its size with its first bytes.
Try<> Run::measure(Reach reach) {
  std::uint64_t total = 0;
  std::uint64_t missing = 0;
  for (std::size_t i = 0; i < plan_.files.size(); ++i) {
    if (good_[i]) {
      total += good_[i]->seen.record.stamp.size;
      continue;
    }
    if (plan_.files.size() == 1) return {};
    const auto identity = ask(i);
    if (!identity || !identity->size) return {};  // the download itself says what is wrong
    total += *identity->size;
    // What an earlier run has reserved is no longer free, and not missing either.
    missing += *identity->size - std::min(*identity->size, bytes_taken(stem_of(plan_.files[i].name, reach) + ".part"));
  }
  progress_.set_total(total);
  return check_room(options_.to, missing);
}

/// What the host means by a file's URL; asked once.
Try<Identity> Run::ask(std::size_t index) {
  auto& asked = asked_[index];
  if (!asked) {
    auto identity = probe(transport_, plan_.files[index].remote, options_.download, stop_);
    if (!identity) return identity;
    asked = std::move(*identity);
  }
  return *asked;
}

Try<> Run::bring(std::size_t index, Reach reach) {
  const auto& file = plan_.files[index];
  auto partial = Partial::open(stem_of(file.name, reach), boot_);
  if (!partial) return std::unexpected(partial.error());
  base::log::info("download", {{"source", api::without_secrets(file.remote.url)}, {"to", path_of(file.name)}});
  auto remote = file.remote;
  if (remote.aws && remote.sha256.empty()) {
    // S3 tells a file's checksum to a HEAD only.
    if (const auto identity = ask(index)) remote.sha256 = identity->sha256;
  }
  remote.identity = asked_[index];
  auto done = download(transport_, remote, options_.download, *partial, progress_, stop_);
  if (!done) {
    auto failure = done.error();
    if (failure.reason == Reason::not_gguf || failure.reason == Reason::not_found) partial->remove();
    if (failure.reason == Reason::not_found && file.role == Role::shard) failure.reason = Reason::shard_missing;
    return std::unexpected(failure);
  }
  if (auto ended = partial->finish(done->size); !ended) return ended;
  return take(index, std::move(*partial), *done);
}

/// A file that is downloaded whole is good when its header is.
Try<> Run::take(std::size_t index, Partial partial, const Downloaded& done) {
  const auto& file = plan_.files[index];
  Seen seen{{{done.size, 0, 0}, done.sha256, done.identity.etag, done.identity.last_modified}, 0};
  if (file.remote.gguf) {
    const auto read = [&](std::uint64_t offset, char* into, std::size_t size) {
      return partial.read_at(offset, into, size);
    };
    const auto header = check_header(read, done.size, api::without_secrets(file.remote.url));
    if (!header) {
      partial.remove();
      return std::unexpected(header.error());
    }
    seen.split_count = header->split_count;
  }
  progress_.finish_file(done.size);
  good_[index] = Good{file.name, std::move(seen), std::move(partial)};
  return {};
}

Try<> Run::publish(std::size_t index, Partial& partial) {
  const auto path = path_of(plan_.files[index].name);
  auto& record = good_[index]->seen.record;
  const auto stamp = partial.publish(path);
  if (!stamp) return std::unexpected(stamp.error());
  record.stamp = *stamp;
  write_record(layout_.record(plan_.files[index].name), record);
  base::log::info("published", {{"file", path}, {"bytes", record.stamp.size}, {"sha256", record.sha256}});
  return {};
}

Try<> Run::check_splits() const {
  const auto& primary = good_.front();
  const auto wanted = primary ? primary->seen.split_count : 0;
  if (wanted <= 1 || api::shards_of(primary->name).size() == wanted) return {};
  return give_up(Reason::shard_missing,
                 "is part of a model in " + std::to_string(wanted) + " files, and its name does not say so",
                 path_of(primary->name), "keep the names -00001-of-0000N.gguf, and list them in spec.files");
}

std::vector<FinishedFile> Run::finished() const {
  std::vector<FinishedFile> out;
  for (std::size_t i = 0; i < good_.size(); ++i) {
    if (!good_[i]) continue;
    const auto& record = good_[i]->seen.record;
    out.push_back({path_of(good_[i]->name), record.stamp.size, record.sha256, plan_.files[i].role});
  }
  return out;
}

}  // namespace

Outcome run(const Options& options, Progress& progress, const std::stop_token& stop) {
  auto plan = make_plan(options);
  if (!plan) {
    progress.set_state(State::failed);
    return outcome_of(plan.error(), 0);
  }
  const bool verify_only = plan->kind == api::SourceKind::pvc;
  Run run(options, std::move(*plan), progress, stop);
  const auto outcome = verify_only ? run.verify_only() : run.fetch();
  progress.set_state(outcome ? State::done : State::failed);
  return outcome ? *outcome : outcome_of(outcome.error(), progress.fetched());
}

}  // namespace fetch
