#include "reconciler/pod/fetch/download.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "common/api/source.hpp"
#include "common/base/backoff.hpp"
#include "common/base/digest.hpp"
#include "common/base/log.hpp"
#include "reconciler/pod/fetch/gguf.hpp"
#include "reconciler/pod/fetch/hasher.hpp"
#include "reconciler/pod/fetch/piece_rate.hpp"
#include "reconciler/pod/fetch/stream_count.hpp"

namespace fetch {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
constexpr std::uint64_t kPiece = 32 * kMiB;
constexpr std::uint64_t kSmallestSplit = kMiB / 8;
constexpr std::uint64_t kStartBytes = 4096;
constexpr std::uint64_t kUnknownEnd = UINT64_MAX;
constexpr unsigned kMostRestarts = 5;
constexpr unsigned kRestartsWithRanges = 2;
constexpr milliseconds kTurn{100};
constexpr milliseconds kSilent{1000};
/// On a shorter link a round trip is not what a new request costs.
constexpr milliseconds kShortestRoundTrip{10};
/// A piece that ends sooner is not worth a split: on a connection that is there, and on a new one.
constexpr int kRoundTripsWarm = 3;
constexpr int kRoundTripsCold = 12;
constexpr std::chrono::seconds kLongestRetryAfter{900};

/// What to do about 401 and 403.
std::string credentials_fix(const Remote& remote) {
  switch (remote.kind) {
    case api::SourceKind::huggingface:
      // A repository that does not exist is 401 to who has no token.
      return remote.bearer.empty()
                 ? "check the repository's name, or give a token that may read it (HF_TOKEN)"
                 : "give a token that may read it (HF_TOKEN), or accept the model's licence on its page";
    case api::SourceKind::s3:
      return remote.aws ? "check the AWS keys, AWS_REGION, and the policy of the bucket"
                        : "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or let the bucket be read by all";
    default:
      return "give a URL that needs no login (a signed one, or hf:// or s3:// with credentials)";
  }
}

/// What to do about a host that sends everybody away for too long.
std::string rate_limit_fix(const Remote& remote) {
  if (remote.kind != api::SourceKind::huggingface) return "ask its operator for a higher limit, or use a mirror";
  return remote.bearer.empty() ? "give a token (HF_TOKEN): the limit of who has one is higher; or use a mirror"
                               : "the limit of this token is used up: fetch fewer models at a time, or use a mirror";
}

class Download;

/// One range on its way.
struct Piece final : Receiver {
  Download* owner = nullptr;
  Transport::Id id = 0;
  std::uint64_t position = 0;
  std::uint64_t end = 0;
  /// Where it was asked for when that was not the source's own URL.
  std::string direct_url;
  PieceRate rate;
  /// Asked for without a Range header.
  bool whole = false;
  bool answered = false;
  /// The bytes turned out to be of another identity: whatever still comes is dropped.
  bool stale = false;
  base::SteadyTime last_byte;
  std::optional<Failure> failure;

  bool on_head(const ResponseHead& head) override;
  bool on_body(std::string_view bytes) override;
  [[nodiscard]] bool complete() const { return answered && end != kUnknownEnd && position >= end; }
};

class Download {
 public:
  Download(Transport& transport, const Remote& remote, const DownloadSettings& settings, Partial& partial,
           Progress& progress, std::stop_token stop)
      : transport_(transport),
        remote_(remote),
        settings_(settings),
        partial_(partial),
        progress_(progress),
        stop_(std::move(stop)),
        hasher_(partial),
        streams_(settings.most_streams),
        backoff_(settings.first_backoff, settings.longest_backoff, std::random_device{}()) {}

  Try<Downloaded> run();

  Try<> accept(Piece& piece, const ResponseHead& head);
  Try<> store(Piece& piece, std::string_view bytes);

 private:
  Try<> take_up();
  Try<> fetch_all();
  Try<> turn();
  void ask_for_pieces();
  [[nodiscard]] std::optional<Span> next_span(unsigned idle) const;
  [[nodiscard]] std::optional<Span> take_over();
  [[nodiscard]] std::optional<Span> split_slowest();
  [[nodiscard]] bool stuck(const Piece& piece) const;
  void start_piece(Span span);
  [[nodiscard]] static bool is_expired(const Piece& piece, const Failure& failure);
  [[nodiscard]] Try<> end_piece(Piece& piece, const Transport::Finished& finished);
  [[nodiscard]] Try<> after_failure(const Failure& failure);
  [[nodiscard]] Failure after_all(Failure failure) const;
  [[nodiscard]] Try<> cancel_stalled();
  [[nodiscard]] Try<> accept_range(Piece& piece, const ResponseHead& head, const Identity& identity);
  [[nodiscard]] Try<> accept_whole(Piece& piece, const ResponseHead& head, const Identity& identity);
  [[nodiscard]] Try<> learn(const Identity& identity);
  [[nodiscard]] Try<> restart(std::string_view why);
  [[nodiscard]] Try<> check_start();
  [[nodiscard]] Try<> checkpoint();
  [[nodiscard]] Try<> checkpoint_when_due();
  [[nodiscard]] std::unexpected<Failure> refuse(const ResponseHead& head) const;
  [[nodiscard]] bool complete() const { return identity_.size && have_.bytes() == *identity_.size; }
  [[nodiscard]] std::string wanted_sha256() const { return remote_.sha256.empty() ? identity_.sha256 : remote_.sha256; }
  [[nodiscard]] std::string where() const { return api::without_secrets(remote_.url); }
  [[nodiscard]] base::SteadyTime now() const { return clock_.steady(); }
  void cancel_all();

  Transport& transport_;
  const Remote& remote_;
  const DownloadSettings& settings_;
  Partial& partial_;
  Progress& progress_;
  std::stop_token stop_;
  base::SystemClock clock_;
  Hasher hasher_;
  StreamCount streams_;
  base::Backoff backoff_;

  Identity identity_;
  bool learned_ = false;  // identity_ is what the host says now, or what a checkpoint says
  bool ranges_ = true;    // the host does ranges, as far as known
  bool start_checked_ = false;
  base::SteadyTime::duration round_trip_{std::chrono::seconds{1}};  // the shortest that was seen
  unsigned warm_ = 0;       // connections that brought all they were asked for: the next request needs no handshake
  std::string direct_url_;  // where redirects ended, asked from then on
  Spans have_;
  std::vector<std::unique_ptr<Piece>> pieces_;
  unsigned restarts_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t received_at_failure_ = 0;
  std::uint64_t unsaved_ = 0;
  base::SteadyTime saved_at_;
  base::SteadyTime last_progress_;
  base::SteadyTime not_before_;
  base::SteadyTime::duration asked_waits_{};  // since the last progress, by Retry-After
};

bool Piece::on_head(const ResponseHead& head) {
  auto accepted = owner->accept(*this, head);
  if (!accepted) failure = std::move(accepted.error());
  return accepted.has_value();
}

bool Piece::on_body(std::string_view bytes) {
  if (stale) return false;
  const bool too_many = end != kUnknownEnd && bytes.size() > end - position;
  auto stored = owner->store(*this, bytes);
  if (!stored) failure = std::move(stored.error());
  return stored.has_value() && !too_many;
}

Try<Downloaded> Download::run() {
  last_progress_ = saved_at_ = not_before_ = now();
  if (auto taken = take_up(); !taken) return std::unexpected(taken.error());
  for (unsigned mismatches = 0;;) {
    progress_.set_state(State::downloading);
    if (auto fetched = fetch_all(); !fetched) {
      cancel_all();
      if (learned_ && !identity_.size) {
        partial_.remove();  // never resumed, as nobody could tell when it is whole; and it may have filled the volume
      } else if (learned_) {
        (void)checkpoint();
      }
      return std::unexpected(fetched.error());
    }
    progress_.set_state(State::verifying);
    auto digest = hasher_.finish(*identity_.size);
    if (!digest) {
      (void)checkpoint();
      return std::unexpected(digest.error());
    }
    const auto wanted = wanted_sha256();
    if (wanted.empty() || *digest == wanted) return Downloaded{*identity_.size, *digest, identity_};
    base::log::warning("digest-mismatch", {{"source", where()}, {"wanted", wanted}, {"got", *digest}});
    if (++mismatches == 2) {
      if (auto cleared = restart("its sha256 is wrong"); !cleared) return std::unexpected(cleared.error());
      return give_up(Reason::digest_mismatch, "has sha256 " + *digest + ", expected " + wanted + " (two downloads)",
                     where(),
                     remote_.sha256.empty() ? "the host contradicts itself; try another mirror"
                                            : "correct spec.sha256, or find out who changed the file");
    }
    if (auto restarted = restart("its sha256 is wrong"); !restarted) return std::unexpected(restarted.error());
  }
}

Try<> Download::take_up() {
  const auto source = base::sha256_hex(remote_.url);
  auto checkpoint = partial_.load();
  const bool ours = checkpoint && checkpoint->identity.source == source && checkpoint->identity.size.has_value();
  const bool same = ours && (!remote_.identity || checkpoint->identity.same_as(*remote_.identity));
  const bool safe = same && (!checkpoint->identity.validator().empty() || !checkpoint->identity.sha256.empty() ||
                             !remote_.sha256.empty());
  if (!safe) {
    identity_.source = source;
    hasher_.start({});
    return partial_.restart();
  }
  identity_ = checkpoint->identity;
  have_ = Spans(checkpoint->spans);
  learned_ = true;
  hasher_.start(*checkpoint);
  hasher_.advance(have_.frontier());
  progress_.set_file_bytes(have_.bytes());
  base::log::info(
      "resume",
      {{"source", where()}, {"bytes", have_.bytes()}, {"of", *identity_.size}, {"hashed", checkpoint->hashed}});
  return {};
}

Try<> Download::fetch_all() {
  while (!complete()) {
    if (stop_.stop_requested()) return give_up(Reason::interrupted, "stopped by a signal", where());
    if (auto turned = turn(); !turned) return turned;
  }
  cancel_all();
  if (auto checked = check_start(); !checked) return checked;
  return checkpoint();
}

Try<> Download::turn() {
  ask_for_pieces();
  if (pieces_.empty()) {
    const auto wait = std::clamp<base::SteadyTime::duration>(not_before_ - now(), milliseconds{1}, kTurn);
    std::this_thread::sleep_for(wait);
    return {};
  }
  for (const auto& finished : transport_.poll(kTurn)) {
    const auto at = std::ranges::find(pieces_, finished.id, [](const auto& piece) { return piece->id; });
    if (at == pieces_.end()) continue;
    const auto piece = std::move(*at);
    pieces_.erase(at);
    if (auto ended = end_piece(*piece, finished); !ended) return ended;
  }
  std::erase_if(pieces_, [this](const auto& piece) {
    if (piece->stale) transport_.cancel(piece->id);
    return piece->stale;
  });
  if (auto failure = hasher_.failure()) return std::unexpected(*failure);
  streams_.observe(received_, now());
  return cancel_stalled();
}

void Download::ask_for_pieces() {
  if (now() < not_before_) return;
  // Until the host has said what it serves, and when it does not serve ranges, one request.
  const bool one = !learned_ || !ranges_ || !identity_.size;
  const unsigned wanted = one ? 1 : streams_.wanted();
  while (pieces_.size() < wanted) {
    auto span = next_span(wanted - static_cast<unsigned>(pieces_.size()));
    if (!span) span = take_over();
    if (!span) return;
    start_piece(*span);
  }
}

/// What nobody has been asked for yet, in equal parts for the streams that are idle: a piece that ends costs its stream
/// a round trip.
std::optional<Span> Download::next_span(unsigned idle) const {
  if (!identity_.size) return Span{have_.frontier(), have_.frontier() + kPiece};
  if (!ranges_) return Span{0, *identity_.size};
  Spans taken = have_;
  for (const auto& piece : pieces_) taken.add({piece->position, piece->end});
  const auto part = (*identity_.size - taken.bytes() + idle - 1) / idle;
  return taken.first_gap(*identity_.size, std::clamp(part, kMiB, kPiece));
}

/// Of what another stream is at.
std::optional<Span> Download::take_over() {
  const auto at = std::ranges::find_if(pieces_, [this](const auto& piece) { return stuck(*piece); });
  if (at == pieces_.end()) return split_slowest();
  const Span span{(*at)->position, (*at)->end};
  transport_.cancel((*at)->id);
  pieces_.erase(at);
  return span;
}

/// A connection that is there does better: the other one has none yet (a lost packet of its handshake costs a second),
/// or it has fallen silent.
bool Download::stuck(const Piece& piece) const {
  if (warm_ == 0) return false;
  const auto silence = now() - piece.last_byte;
  return silence > kSilent || (silence > 2 * round_trip_ && !transport_.connected(piece.id));
}

/// The second half of the piece that will take the longest, when that is worth it: it comes a round trip later, after
/// handshakes and a slow start on a new connection; and the stream that loses it loses its connection at the middle,
/// with what is in flight by then.
std::optional<Span> Download::split_slowest() {
  const auto left = [this](const auto& piece) {
    return piece->answered ? piece->rate.seconds_until(piece->end, piece->position, now(), 2 * round_trip_).value_or(0)
                           : 0;
  };
  const auto slowest = std::ranges::max_element(pieces_, {}, left);
  if (slowest == pieces_.end()) return std::nullopt;
  auto& piece = **slowest;
  const auto worth_it = (warm_ > 0 ? kRoundTripsWarm : kRoundTripsCold) * round_trip_;
  if (left(*slowest) < std::chrono::duration<double>(worth_it).count()) return std::nullopt;
  if (piece.end - piece.position < 2 * kSmallestSplit) return std::nullopt;
  const auto middle = piece.position + (piece.end - piece.position) / 2;
  const Span second{middle, piece.end};
  piece.end = middle;
  return second;
}

void Download::start_piece(Span span) {
  auto piece = std::make_unique<Piece>();
  piece->owner = this;
  piece->whole = !ranges_;
  piece->position = piece->whole ? 0 : span.begin;
  piece->end = span.end;
  piece->last_byte = now();
  piece->direct_url = direct_url_;
  Request request;
  request.url = direct_url_.empty() ? remote_.url : direct_url_;
  if (origin_of(request.url) == origin_of(remote_.url)) request.bearer = remote_.bearer;
  request.aws = remote_.aws;
  if (!piece->whole) {
    request.range = span;
    if (learned_) request.if_range = identity_.validator();
  }
  piece->id = transport_.start(request, *piece);
  if (warm_ > 0) --warm_;
  pieces_.push_back(std::move(piece));
}

Try<> Download::accept(Piece& piece, const ResponseHead& head) {
  piece.last_byte = now();
  if (head.status != 200 && head.status != 206 && head.status != 416) return refuse(head);
  if (head.round_trip) {
    streams_.round_trip(*head.round_trip);
    round_trip_ = std::max<base::SteadyTime::duration>(std::min(round_trip_, {*head.round_trip}), kShortestRoundTrip);
  }
  if (!head.content_encoding.empty()) {
    return give_up(Reason::refused,
                   "comes in another form than its own (Content-Encoding: " + head.content_encoding + ")", where(),
                   "let the host send the file as it is");
  }
  Identity identity{identity_.source, head.etag, head.last_modified, {}, head.sha256};
  if (!remote_.sha256.empty() && !head.sha256.empty() && head.sha256 != remote_.sha256) {
    return give_up(Reason::digest_mismatch,
                   "the host says its sha256 is " + head.sha256 + ", expected " + remote_.sha256, where(),
                   "correct spec.sha256, or find out who changed the file");
  }
  auto accepted = head.status == 200 ? accept_whole(piece, head, identity) : accept_range(piece, head, identity);
  if (!accepted) return accepted;
  piece.answered = true;
  piece.rate.start(piece.position, piece.last_byte);
  const bool moved = !head.final_url.empty() && head.final_url != remote_.url && !remote_.aws;
  if (moved && direct_url_.empty()) direct_url_ = head.final_url;
  return {};
}

Try<> Download::accept_range(Piece& piece, const ResponseHead& head, const Identity& seen) {
  const auto& range = head.content_range;
  if (head.status == 416) {
    if (range && range->total == 0U) return give_up(Reason::not_gguf, "is an empty file", where(), "check the source");
    if (learned_ && !identity_.size && range && range->total == have_.frontier()) {
      piece.end = piece.position;
      return learn({{}, {}, {}, range->total, {}});
    }
    if (learned_ && range && range->total == identity_.size) {
      return give_up(Reason::server_error, "says that a range inside the file is none", where());
    }
    if (auto restarted = restart("the host has fewer bytes than before"); !restarted) return restarted;
    return give_up(Reason::source_changed, "has another size than before", where());
  }
  const bool fits = range && range->begin == piece.position && range->end > piece.position;
  if (!fits) {
    // A host that gives other bytes than those asked for is not asked for ranges again.
    ranges_ = false;
    if (auto restarted = restart("the host answered with a wrong range"); !restarted) return restarted;
    return give_up(Reason::server_error, "answered with a range that was not asked for", where());
  }
  Identity identity = seen;
  identity.size = range->total;
  if (learned_ && !identity_.same_as(identity)) {
    // Mirrors behind one name may each have a tag of their own: then only one answer is one file.
    if (restarts_ >= kRestartsWithRanges) ranges_ = false;
    if (auto restarted = restart("the file changed on the host"); !restarted) return restarted;
    return give_up(Reason::source_changed, "changed on the host during the download", where());
  }
  piece.end = std::min(piece.end, *range->end);
  const bool first = !learned_;
  if (auto learnt = learn(identity); !learnt) return learnt;
  // The first stream is two round trips ahead of the others, and loses its connection where it is cut: so two parts.
  const std::uint64_t streams = streams_.wanted();
  if (first && streams > 1 && range->total) {
    piece.end = std::min(piece.end, piece.position + std::max(2 * *range->total / (streams + 1), kMiB));
  }
  return {};
}

Try<> Download::accept_whole(Piece& piece, const ResponseHead& head, const Identity& seen) {
  // The host knows no ranges, or the file is another one than before (If-Range): this answer begins at byte 0.
  Identity identity = seen;
  identity.size = head.content_length;
  const bool changed = learned_ && !identity_.same_as(identity);
  if (!changed && !piece.whole) ranges_ = false;
  if (have_.bytes() > 0 || piece.position > 0 || learned_) {
    if (auto restarted = restart(changed ? "the file changed on the host" : "the host cannot resume"); !restarted) {
      return restarted;
    }
  }
  for (const auto& other : pieces_) other->stale = other.get() != &piece;
  piece.stale = false;
  piece.whole = true;
  piece.position = 0;
  piece.end = head.content_length.value_or(kUnknownEnd);
  return learn(identity);
}

Try<> Download::learn(const Identity& identity) {
  const bool first = !learned_;
  const bool sized = first && identity.size.has_value();
  if (first) {
    identity_ = identity;
  } else {
    if (identity_.sha256.empty()) identity_.sha256 = identity.sha256;
    if (!identity_.size) identity_.size = identity.size;
  }
  learned_ = true;
  if (!first) return {};
  hasher_.start({identity_, {}, "", 0});
  if (!sized) return {};
  if (!progress_.total()) progress_.set_total(*identity_.size);
  return partial_.reserve(*identity_.size);
}

Try<> Download::restart(std::string_view why) {
  if (have_.bytes() > 0) {
    base::log::warning("restart", {{"source", where()}, {"reason", why}, {"bytesLost", have_.bytes()}});
  }
  if (++restarts_ > kMostRestarts) {
    return give_up(
        Reason::source_changed,
        "had to be started over " + std::to_string(kMostRestarts) + " times, the last time because " + std::string(why),
        where(), "use a source that stays the same and serves ranges");
  }
  for (const auto& piece : pieces_) piece->stale = true;
  const auto source = identity_.source;
  identity_ = {};
  identity_.source = source;
  learned_ = false;
  start_checked_ = false;
  have_.clear();
  hasher_.start({});
  progress_.set_file_bytes(0);
  return partial_.restart();
}

Try<> Download::store(Piece& piece, std::string_view bytes) {
  received_ += bytes.size();
  progress_.count_fetched(bytes.size());
  piece.last_byte = last_progress_ = now();
  if (piece.end != kUnknownEnd) bytes = bytes.substr(0, static_cast<std::size_t>(piece.end - piece.position));
  if (auto written = partial_.write_at(piece.position, bytes); !written) return written;
  have_.add({piece.position, piece.position + bytes.size()});
  piece.position += bytes.size();
  piece.rate.observe(piece.position, piece.last_byte, 2 * round_trip_);
  unsaved_ += bytes.size();
  progress_.set_file_bytes(have_.bytes());
  hasher_.advance(have_.frontier());
  if (!start_checked_ && have_.frontier() >= kStartBytes) {
    if (auto checked = check_start(); !checked) return checked;
  }
  // Here and not once a turn: libcurl may hand over 25 MiB in one turn.
  return checkpoint_when_due();
}

Try<> Download::check_start() {
  if (start_checked_ || !remote_.gguf) return {};
  start_checked_ = true;
  std::string start(kStartBytes, '\0');
  start.resize(partial_.read_at(0, start.data(), start.size()));
  const auto wrong = describe_wrong_start(start.substr(0, static_cast<std::size_t>(have_.frontier())));
  if (wrong.empty()) return {};
  return give_up(Reason::not_gguf, "is " + wrong + ", not a GGUF model", where(),
                 wrong.starts_with("an HTML") ? "give the URL of the file itself, not of a page about it"
                                              : "give the URL of a .gguf file");
}

Try<> Download::end_piece(Piece& piece, const Transport::Finished& finished) {
  if (!finished.failure && !finished.ended_by_receiver) ++warm_;
  const auto& failure = piece.failure ? piece.failure : finished.failure;
  if (!piece.failure && (piece.stale || piece.complete())) return {};
  if (failure && is_expired(piece, *failure)) {
    base::log::info("redirect-expired", {{"source", where()}});
    if (direct_url_ == piece.direct_url) direct_url_.clear();
    return {};
  }
  if (failure) return after_failure(*failure);
  if (piece.answered && piece.end == kUnknownEnd) {  // the end of the response is the end of the file
    identity_.size = piece.position;
    if (!progress_.total()) progress_.set_total(piece.position);
    return {};
  }
  return after_failure(Failure{Reason::server_error, {"ended the answer early", where(), ""}, {}});
}

/// A signed URL behind a redirect expires, for all that were asked for there at once: the source's own gives a new one,
/// and its refusal is the last word.
bool Download::is_expired(const Piece& piece, const Failure& failure) {
  return !piece.direct_url.empty() && (failure.reason == Reason::unauthorized || failure.reason == Reason::not_found ||
                                       failure.reason == Reason::refused);
}

Try<> Download::after_failure(const Failure& failure) {
  if (failure.reason == Reason::write_failed || !failure.transient()) return std::unexpected(failure);
  direct_url_.clear();
  if (received_ > received_at_failure_) {
    backoff_.reset();
    asked_waits_ = {};
  }
  received_at_failure_ = received_;
  if (failure.reason == Reason::rate_limited || failure.reason == Reason::server_error) streams_.refused();
  const auto excused = std::min<base::SteadyTime::duration>(asked_waits_, settings_.retry_for);
  const bool hopeless = restarts_ > kMostRestarts || now() - last_progress_ - excused > settings_.retry_for;
  if (hopeless) return std::unexpected(after_all(failure));
  milliseconds wait = backoff_.next();
  if (failure.retry_after) wait = std::max<milliseconds>(wait, std::min(*failure.retry_after, kLongestRetryAfter));
  const auto before = std::max(not_before_, now());
  not_before_ = std::max(before, now() + wait);
  if (failure.retry_after) asked_waits_ += not_before_ - before;
  base::log::warning("retry", {{"reason", info_of(failure.reason).word},
                               {"error", failure.error.to_string()},
                               {"inMilliseconds", wait.count()}});
  return {};
}

/// The same as the end of it all: for how long it went on, and what can be done.
Failure Download::after_all(Failure failure) const {
  if (failure.reason != Reason::rate_limited) return failure;
  const auto tried = std::chrono::duration_cast<std::chrono::seconds>(now() - last_progress_);
  failure.error.what += ", again and again for " + std::to_string(tried.count()) + " s";
  failure.error.fix = rate_limit_fix(remote_);
  return failure;
}

Try<> Download::cancel_stalled() {
  std::optional<Failure> failure;
  std::erase_if(pieces_, [&](const auto& piece) {
    if (now() - piece->last_byte < settings_.stall) return false;
    transport_.cancel(piece->id);
    failure = Failure{Reason::stalled,
                      {"sent nothing for " + std::to_string(settings_.stall.count() / 1000) + " s", where(),
                       "look at the host and the link"},
                      {}};
    return true;
  });
  return failure ? after_failure(*failure) : Try<>{};
}

std::unexpected<Failure> Download::refuse(const ResponseHead& head) const {
  auto status = "HTTP " + std::to_string(head.status);
  if (!head.error_message.empty()) status += " (" + head.error_message + ")";
  switch (head.status) {
    case 401:
    case 403:
      return give_up(Reason::unauthorized, status, where(), credentials_fix(remote_));
    case 404:
    case 410:
      return give_up(Reason::not_found, status, where(), "check the path, the file name and the revision");
    case 301:
    case 307:
      if (remote_.kind != api::SourceKind::s3) break;
      return give_up(
          Reason::refused,
          status + ", the bucket is " + (head.bucket_region.empty() ? "elsewhere" : "in region " + head.bucket_region),
          where(), "set AWS_REGION or AWS_ENDPOINT_URL");
    default:
      break;
  }
  Failure failure{Reason::refused, {status, where(), "check the URL"}, head.retry_after};
  if (head.status == 429) failure.reason = Reason::rate_limited;
  if (head.status >= 500 || head.status == 408 || head.status == 425) failure.reason = Reason::server_error;
  if (failure.transient()) failure.error.fix.clear();
  return std::unexpected(failure);
}

Try<> Download::checkpoint() {
  unsaved_ = 0;
  saved_at_ = now();
  const auto saved = hasher_.saved();
  return partial_.write_live({identity_, have_.list(), saved.hash, saved.hashed});
}

Try<> Download::checkpoint_when_due() {
  if (!learned_ || unsaved_ == 0) return {};
  const auto due = std::clamp<std::uint64_t>(identity_.size.value_or(0) / 400, 64 << 10U, 16 * kMiB);
  if (unsaved_ < due && now() - saved_at_ < milliseconds{500}) return {};
  return checkpoint();
}

void Download::cancel_all() {
  for (const auto& piece : pieces_) transport_.cancel(piece->id);
  pieces_.clear();
}

}  // namespace

Try<Downloaded> download(Transport& transport, const Remote& remote, const DownloadSettings& settings, Partial& partial,
                         Progress& progress, const std::stop_token& stop) {
  return Download(transport, remote, settings, partial, progress, stop).run();
}

}  // namespace fetch
