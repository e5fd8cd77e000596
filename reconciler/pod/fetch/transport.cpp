#include "reconciler/pod/fetch/transport.hpp"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>

#include "common/api/source.hpp"
#include "common/base/digest.hpp"
#include "common/base/number.hpp"
#include "common/base/text.hpp"
#include "common/base/wire_text.hpp"

namespace fetch {
namespace {

constexpr long kBufferSize = 256L << 10;
constexpr const char* kSystemBundle = "/etc/ssl/certs/ca-certificates.crt";

/// libcurl looks at the rate once per hundred buffers at most: they must be small against it.
long buffer_size(std::uint64_t rate_limit) {
  if (rate_limit == 0) return kBufferSize;
  return std::clamp<long>(static_cast<long>(std::min<std::uint64_t>(rate_limit / 100, kBufferSize)), 1024, kBufferSize);
}

struct CurlLibrary {
  CurlLibrary() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

struct ErrorRow {
  CURLcode code;
  Reason reason;
  const char* what;
  const char* fix;
};

constexpr const char* kTrustFix = "give the CA of that host with --ca-file (spec of the chart: the CA ConfigMap)";
constexpr std::array kErrors{
    ErrorRow{CURLE_COULDNT_RESOLVE_HOST, Reason::unreachable, "its host name does not resolve",
             "check the spelling and the cluster's DNS"},
    ErrorRow{CURLE_COULDNT_RESOLVE_PROXY, Reason::unreachable, "the proxy's host name does not resolve",
             "check http_proxy and https_proxy"},
    ErrorRow{CURLE_COULDNT_CONNECT, Reason::unreachable, "cannot connect", "check the host, firewall and proxy"},
    ErrorRow{CURLE_OPERATION_TIMEDOUT, Reason::unreachable, "no connection in time",
             "check the host, firewall and proxy"},
    ErrorRow{CURLE_PEER_FAILED_VERIFICATION, Reason::tls_error, "its certificate is not trusted", kTrustFix},
    ErrorRow{CURLE_SSL_CACERT_BADFILE, Reason::tls_error, "the file of trusted certificates cannot be read",
             "check --ca-file"},
    ErrorRow{CURLE_SSL_CONNECT_ERROR, Reason::tls_error, "the TLS handshake failed", "check the port and the host"},
    ErrorRow{CURLE_SSL_CERTPROBLEM, Reason::tls_error, "the TLS handshake failed", kTrustFix},
    ErrorRow{CURLE_TOO_MANY_REDIRECTS, Reason::refused, "redirects without end", "check the URL in a browser"},
    ErrorRow{CURLE_UNSUPPORTED_PROTOCOL, Reason::refused, "is or leads to a URL that is not https",
             "give the final URL as source"},
    ErrorRow{CURLE_URL_MALFORMAT, Reason::invalid_source, "is no URL", "write https://host/path"},
    ErrorRow{CURLE_PARTIAL_FILE, Reason::unreachable, "the connection was lost", ""},
    ErrorRow{CURLE_RECV_ERROR, Reason::unreachable, "the connection was lost", ""},
    ErrorRow{CURLE_SEND_ERROR, Reason::unreachable, "the connection was lost", ""},
    ErrorRow{CURLE_WEIRD_SERVER_REPLY, Reason::server_error, "answers with what is no HTTP", "check the port"},
    ErrorRow{CURLE_GOT_NOTHING, Reason::unreachable, "the host closed the connection without an answer", ""},
};

/// One transfer and what its callbacks need.
struct Transfer {
  Transport::Id id = 0;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  Receiver* receiver = nullptr;
  ResponseHead head;
  std::string linked_sha256;
  std::string url;
  std::array<char, CURL_ERROR_SIZE> error{};
  bool connected = false;
  bool head_given = false;
  bool ended_by_receiver = false;
};

bool give_head(Transfer& transfer) {
  if (transfer.head_given) return true;
  transfer.head_given = true;
  curl_off_t wait = 0;
  if (curl_easy_getinfo(transfer.easy, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0) {
    transfer.head.retry_after = std::chrono::seconds{wait};
  }
  const char* url = nullptr;
  if (curl_easy_getinfo(transfer.easy, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK && url != nullptr) {
    transfer.head.final_url = url;
  }
  curl_off_t resolved = 0;
  curl_off_t connected = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
  curl_easy_getinfo(transfer.easy, CURLINFO_CONNECT_TIME_T, &connected);
  if (connected > resolved) transfer.head.round_trip = std::chrono::microseconds{connected - resolved};
  if (transfer.receiver->on_head(transfer.head)) return true;
  transfer.ended_by_receiver = true;
  return false;
}

void take_header(Transfer& transfer, std::string_view name, std::string_view value) {
  auto& head = transfer.head;
  const auto is = [&](std::string_view other) { return base::same_word(name, other); };
  if (is("content-range")) head.content_range = parse_content_range(value);
  if (is("content-length")) head.content_length = base::parse_number<std::uint64_t>(value);
  if (is("etag")) head.etag = strong_etag(value);
  if (is("last-modified")) head.last_modified = base::shorten(value, 64);
  if (is("content-type")) head.content_type = base::shorten(value, 128);
  // aws-chunked was the coding of the upload: some services of S3's kind give it back with the decoded bytes.
  const auto is_own = [&] { return base::same_word(value, "identity") || base::same_word(value, "aws-chunked"); };
  if (is("content-encoding") && !is_own()) head.content_encoding = base::shorten(value, 64);
  if (is("x-amz-bucket-region")) head.bucket_region = base::shorten(value, 64);
  if (is("x-error-message")) head.error_message = base::shorten(value, 300);
  std::string sha256;
  const bool linked = is("x-linked-etag");
  if (linked) sha256 = sha256_of_linked_etag(value);
  if (is("x-amz-checksum-sha256")) sha256 = sha256_of_base64(value);
  if (is("repr-digest")) sha256 = sha256_of_repr_digest(value);
  if (!sha256.empty()) head.sha256 = sha256;
  if (!sha256.empty() && linked) transfer.linked_sha256 = sha256;
}

int request_callback(void* user, char* /*address*/, char* /*own*/, int /*port*/, int /*own_port*/) {
  static_cast<Transfer*>(user)->connected = true;
  return CURL_PREREQFUNC_OK;
}

std::size_t header_callback(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const auto line = base::trim({data, size * count});
  if (line.starts_with("HTTP/")) {
    // The first host of a chain knows it, its mirror may not. Any other digest of a redirect is that of its own page.
    transfer.head = {};
    transfer.head.sha256 = transfer.linked_sha256;
    const auto status = base::parse_number<unsigned>(line.substr(std::min(line.find(' '), line.size() - 1) + 1, 3));
    transfer.head.status = status ? static_cast<long>(*status) : 0;
  } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    take_header(transfer, line.substr(0, colon), base::trim(line.substr(colon + 1)));
  }
  return size * count;
}

std::size_t body_callback(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (!give_head(transfer)) return 0;
  if (transfer.receiver->on_body({data, size * count})) return size * count;
  transfer.ended_by_receiver = true;
  return 0;
}

CURLcode trust_callback(CURL* /*easy*/, void* context, void* user) {
  const auto& file = *static_cast<std::string*>(user);
  const bool loaded = SSL_CTX_load_verify_locations(static_cast<SSL_CTX*>(context), file.c_str(), nullptr) == 1;
  return loaded ? CURLE_OK : CURLE_SSL_CACERT_BADFILE;
}

Failure failure_of(CURLcode code, const Transfer& transfer) {
  const auto row = std::ranges::find(kErrors, code, &ErrorRow::code);
  const std::string detail = transfer.error[0] != '\0' ? transfer.error.data() : curl_easy_strerror(code);
  const auto where = api::without_secrets(transfer.url);
  if (code == CURLE_UNSUPPORTED_PROTOCOL && detail.find("HTTP/0.9") != std::string::npos) {
    return Failure{Reason::server_error, {"answers with what is no HTTP", where, "check the port"}, {}};
  }
  if (row == kErrors.end()) return Failure{Reason::unreachable, {detail, where, ""}, {}};
  return Failure{row->reason, {std::string(row->what) + " (" + detail + ")", where, row->fix}, {}};
}

/// Sets options of one handle; every call of libcurl's varargs has the type it wants.
class Options {
 public:
  explicit Options(CURL* easy) : easy_(easy) {}
  void number(CURLoption option, long value) { curl_easy_setopt(easy_, option, value); }
  void large(CURLoption option, curl_off_t value) { curl_easy_setopt(easy_, option, value); }
  void text(CURLoption option, const std::string& value) { curl_easy_setopt(easy_, option, value.c_str()); }
  void pointer(CURLoption option, void* value) { curl_easy_setopt(easy_, option, value); }

 private:
  CURL* easy_;
};

}  // namespace

struct Transport::State {
  TransportSettings settings;
  CURLM* multi = nullptr;
  Id last_id = 0;
  std::map<Id, std::unique_ptr<Transfer>> transfers;

  void drop(std::map<Id, std::unique_ptr<Transfer>>::iterator at) {
    curl_multi_remove_handle(multi, at->second->easy);
    curl_easy_cleanup(at->second->easy);
    curl_slist_free_all(at->second->headers);
    transfers.erase(at);
  }

  void configure(Transfer& transfer, const Request& request) const;
  void configure_trust(CURL* easy, Options& set) const;
  static void add_header(Transfer& transfer, const std::string& line) {
    transfer.headers = curl_slist_append(transfer.headers, line.c_str());
  }
};

void Transport::State::configure_trust(CURL* easy, Options& set) const {
  if (settings.ca_file.empty()) return;
  if (::access(kSystemBundle, R_OK) != 0) return set.text(CURLOPT_CAINFO, settings.ca_file);
  curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, trust_callback);
  set.pointer(CURLOPT_SSL_CTX_DATA, const_cast<std::string*>(&settings.ca_file));
}

void Transport::State::configure(Transfer& transfer, const Request& request) const {
  Options set(transfer.easy);
  set.text(CURLOPT_URL, request.url);
  set.number(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  set.number(CURLOPT_NOSIGNAL, 1);
  set.number(CURLOPT_TCP_KEEPALIVE, 1);
  set.number(CURLOPT_BUFFERSIZE, buffer_size(settings.rate_limit));
  set.number(CURLOPT_CONNECTTIMEOUT_MS, std::chrono::milliseconds(settings.connect_timeout).count());
  set.number(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
  set.number(CURLOPT_MAXREDIRS, 10);
  set.number(CURLOPT_FOLLOWLOCATION, request.aws ? 0 : 1);
  set.text(CURLOPT_PROTOCOLS_STR, "http,https");
  const bool secure = base::same_word(request.url.substr(0, 6), "https:");
  set.text(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
  set.text(CURLOPT_USERAGENT, "llmkube-router-model-fetch");
  set.pointer(CURLOPT_ERRORBUFFER, transfer.error.data());
  curl_easy_setopt(transfer.easy, CURLOPT_PREREQFUNCTION, request_callback);
  set.pointer(CURLOPT_PREREQDATA, &transfer);
  curl_easy_setopt(transfer.easy, CURLOPT_HEADERFUNCTION, header_callback);
  set.pointer(CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(transfer.easy, CURLOPT_WRITEFUNCTION, body_callback);
  set.pointer(CURLOPT_WRITEDATA, &transfer);
  if (request.head) set.number(CURLOPT_NOBODY, 1);
  if (settings.rate_limit > 0) {
    set.large(CURLOPT_MAX_RECV_SPEED_LARGE, static_cast<curl_off_t>(settings.rate_limit));
  }
  configure_trust(transfer.easy, set);
  // Not signed along: gateways in front of S3 services change it.
  if (!request.aws) add_header(transfer, "Accept-Encoding: identity");
  if (request.range) {
    set.text(CURLOPT_RANGE, std::to_string(request.range->begin) + "-" + std::to_string(request.range->end - 1));
    if (!request.if_range.empty()) add_header(transfer, "If-Range: " + request.if_range);
  }
  if (!request.bearer.empty()) {
    set.number(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BEARER));
    set.text(CURLOPT_XOAUTH2_BEARER, request.bearer);
  }
  if (request.aws) {
    set.text(CURLOPT_AWS_SIGV4, "aws:amz:" + request.aws->region + ":s3");
    set.text(CURLOPT_USERPWD, request.aws->access_key + ":" + request.aws->secret_key);
    // S3 demands it, and curl sends it by itself from 8.x on only.
    add_header(transfer, "x-amz-content-sha256: " + base::sha256_hex(""));
    if (!request.aws->session_token.empty()) {
      add_header(transfer, "x-amz-security-token: " + request.aws->session_token);
    }
    if (request.head) add_header(transfer, "x-amz-checksum-mode: ENABLED");
  }
  set.pointer(CURLOPT_HTTPHEADER, transfer.headers);
}

Transport::Transport(TransportSettings settings) : state_(std::make_unique<State>()) {
  static const CurlLibrary library;
  state_->settings = std::move(settings);
  state_->multi = curl_multi_init();
  curl_multi_setopt(state_->multi, CURLMOPT_MAXCONNECTS, 16L);
}

Transport::~Transport() {
  while (!state_->transfers.empty()) state_->drop(state_->transfers.begin());
  curl_multi_cleanup(state_->multi);
}

Transport::Id Transport::start(const Request& request, Receiver& receiver) {
  auto transfer = std::make_unique<Transfer>();
  transfer->id = ++state_->last_id;
  transfer->easy = curl_easy_init();
  transfer->receiver = &receiver;
  transfer->url = request.url;
  state_->configure(*transfer, request);
  curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer.get());
  curl_multi_add_handle(state_->multi, transfer->easy);
  const Id id = transfer->id;
  state_->transfers.emplace(id, std::move(transfer));
  return id;
}

void Transport::cancel(Id id) {
  const auto at = state_->transfers.find(id);
  if (at != state_->transfers.end()) state_->drop(at);
}

bool Transport::connected(Id id) const {
  const auto at = state_->transfers.find(id);
  return at != state_->transfers.end() && at->second->connected;
}

std::vector<Transport::Finished> Transport::poll(std::chrono::milliseconds longest) {
  // First the wait: what a receiver was told is known to the caller before it waits again. (A transfer that was only
  // just started does not wait.)
  curl_multi_poll(state_->multi, nullptr, 0, static_cast<int>(longest.count()), nullptr);
  int running = 0;
  curl_multi_perform(state_->multi, &running);
  std::vector<Finished> out;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(state_->multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    char* user = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
    auto& transfer = *reinterpret_cast<Transfer*>(user);
    const CURLcode code = message->data.result;
    Finished finished{transfer.id, {}, false};
    if (code == CURLE_OK) give_head(transfer);  // a response without a body
    finished.ended_by_receiver = transfer.ended_by_receiver;
    if (code != CURLE_OK && !transfer.ended_by_receiver) finished.failure = failure_of(code, transfer);
    out.push_back(std::move(finished));
  }
  for (const auto& finished : out) cancel(finished.id);
  return out;
}

}  // namespace fetch
