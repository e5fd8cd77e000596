#include "reconciler/pod/fetch/reason.hpp"

#include <algorithm>
#include <array>

namespace fetch {
namespace {

constexpr std::array kReasons{
    ReasonInfo{Reason::fetched, "Fetched", 0, "downloaded, verified and published"},
    ReasonInfo{Reason::already_present, "AlreadyPresent", 0, "a good file was there, nothing was downloaded"},
    ReasonInfo{Reason::verified, "Verified", 0, "the files of a pvc:// source are good"},
    ReasonInfo{Reason::unreachable, "Unreachable", 1, "no answer: name resolution, connection or transfer failed"},
    ReasonInfo{Reason::stalled, "Stalled", 1, "the host sent nothing for too long"},
    ReasonInfo{Reason::tls_error, "TlsError", 1, "no trusted TLS connection"},
    ReasonInfo{Reason::rate_limited, "RateLimited", 1, "the host asked to come back later (429)"},
    ReasonInfo{Reason::server_error, "ServerError", 1, "the host answered 5xx or nonsense"},
    ReasonInfo{Reason::source_changed, "SourceChanged", 1, "the file kept changing during the download"},
    ReasonInfo{Reason::write_failed, "WriteFailed", 1, "the volume returned an error"},
    ReasonInfo{Reason::interrupted, "Interrupted", 1, "stopped by a signal; the next run resumes"},
    ReasonInfo{Reason::not_found, "NotFound", 2, "the source or a file of it does not exist"},
    ReasonInfo{Reason::unauthorized, "Unauthorized", 2, "the source needs other credentials"},
    ReasonInfo{Reason::refused, "Refused", 2, "the host refuses the request for good (other 4xx)"},
    ReasonInfo{Reason::digest_mismatch, "DigestMismatch", 2, "the bytes have another sha256 than promised, twice"},
    ReasonInfo{Reason::not_gguf, "NotGguf", 2, "the file is no usable GGUF"},
    ReasonInfo{Reason::shard_missing, "ShardMissing", 2, "a part of a split model is missing"},
    ReasonInfo{Reason::no_space, "NoSpace", 2, "the volume is too small"},
    ReasonInfo{Reason::read_only_volume, "ReadOnlyVolume", 2, "the volume cannot be written by this user"},
    ReasonInfo{Reason::invalid_source, "InvalidSource", 2, "the source or the flags make no sense"},
};

}  // namespace

std::span<const ReasonInfo> reasons() { return kReasons; }

const ReasonInfo& info_of(Reason reason) { return *std::ranges::find(kReasons, reason, &ReasonInfo::reason); }

std::unexpected<Failure> give_up(Reason reason, std::string what, std::string where, std::string fix) {
  return std::unexpected(Failure{reason, base::Error{std::move(what), std::move(where), std::move(fix)}, {}});
}

}  // namespace fetch
