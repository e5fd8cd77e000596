#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// A long link between two network namespaces, for kernels without netem: a TUN device in each, and packets that reach
/// the other side late, or not at all. TCP sees a real round trip, and where a rate is given a router's queue before
/// it.
///
/// So that what is measured is not this program, both devices take and give what a network card with segmentation
/// offload does: up to 64 KiB of one connection at once (`IFF_VNET_HDR`). Such a packet is cut only
/// where a segment of it is lost; rate, queue and loss count segments, as the wire would carry them.
namespace {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using std::chrono::nanoseconds;

/// What stands before each packet: virtio_net_hdr of linux/virtio_net.h, which is no C++.
struct Offload {
  std::uint8_t flags;
  std::uint8_t joined;  // kNotJoined, kJoinedTcp
  std::uint16_t head_size;
  std::uint16_t segment_size;
  std::uint16_t sum_from;
  std::uint16_t sum_at;
};
static_assert(sizeof(Offload) == 10);
constexpr std::uint8_t kNotJoined = 0;
constexpr std::uint8_t kJoinedTcp = 1;

constexpr std::size_t kLargest = sizeof(Offload) + 65536;

/// A packet as TUN devices give and take it: an Offload, then IP.
struct Packet {
  Time due;
  std::size_t size = 0;
  std::unique_ptr<std::array<char, kLargest>> bytes;

  [[nodiscard]] Offload& offload() const { return *reinterpret_cast<Offload*>(bytes->data()); }
  [[nodiscard]] iphdr& ip() const { return *reinterpret_cast<iphdr*>(bytes->data() + sizeof(Offload)); }
  [[nodiscard]] tcphdr& tcp() const {
    return *reinterpret_cast<tcphdr*>(reinterpret_cast<char*>(&ip()) + std::size_t{ip().ihl} * 4);
  }
  /// Of the offload header, IP and TCP.
  [[nodiscard]] std::size_t head_size() const {
    return sizeof(Offload) + std::size_t{ip().ihl} * 4 + std::size_t{tcp().doff} * 4;
  }
  [[nodiscard]] bool is_joined() const { return offload().joined == kJoinedTcp; }
};

/// Buffers are used again: an allocation of 64 KiB costs more than the packet.
class Buffers {
 public:
  Packet take() {
    Packet packet;
    if (free_.empty()) {
      packet.bytes = std::make_unique_for_overwrite<std::array<char, kLargest>>();
    } else {
      packet.bytes = std::move(free_.back());
      free_.pop_back();
    }
    return packet;
  }
  void give_back(Packet packet) { free_.push_back(std::move(packet.bytes)); }

 private:
  std::vector<std::unique_ptr<std::array<char, kLargest>>> free_;
};

/// The sum of 16-bit words that IP and TCP use (RFC 1071), not complemented.
std::uint16_t sum_of(const void* bytes, std::size_t size, std::uint32_t sum = 0) {
  const auto* words = static_cast<const std::uint8_t*>(bytes);
  for (std::size_t i = 0; i + 1 < size; i += 2) {
    std::uint16_t word = 0;
    std::memcpy(&word, words + i, sizeof word);
    sum += word;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16U);
  return static_cast<std::uint16_t>(sum);
}

/// Segments `from` to `to` of a joined packet as one of its own.
Packet part_of(const Packet& whole, std::size_t from, std::size_t to, Buffers& buffers) {
  const auto head = whole.head_size();
  const std::size_t step = whole.offload().segment_size;
  const auto begin = head + from * step;
  const auto end = std::min(whole.size, head + to * step);
  auto part = buffers.take();
  part.size = head + end - begin;
  std::memcpy(part.bytes->data(), whole.bytes->data(), head);
  std::memcpy(part.bytes->data() + head, whole.bytes->data() + begin, end - begin);
  auto& ip = part.ip();
  auto& tcp = part.tcp();
  ip.tot_len = htons(static_cast<std::uint16_t>(part.size - sizeof(Offload)));
  ip.check = 0;
  ip.check = static_cast<std::uint16_t>(~sum_of(&ip, std::size_t{ip.ihl} * 4));
  tcp.seq = htonl(static_cast<std::uint32_t>(ntohl(tcp.seq) + from * step));
  if (end < whole.size) tcp.fin = tcp.psh = 0;
  // What the other side is to add up begins with the addresses, the protocol and the length (RFC 9293, 3.1).
  const auto length = htons(static_cast<std::uint16_t>(part.size - sizeof(Offload) - std::size_t{ip.ihl} * 4));
  tcp.check = sum_of(&ip.saddr, 8, std::uint32_t{htons(IPPROTO_TCP)} + length);
  if (to - from == 1) {
    part.offload().joined = kNotJoined;
    part.offload().segment_size = 0;
  }
  return part;
}

/// One direction of the wire: a queue that holds `longest_queue` of its rate and drops what comes when it is full, then
/// the wire, which loses some.
class Wire {
 public:
  struct Options {
    nanoseconds delay{};
    /// Bits a second; 0: no limit, and no queue.
    double rate = 0;
    nanoseconds longest_queue{};
    double loss = 0;
  };
  explicit Wire(const Options& options) : options_(options), next_loss_(until_loss()) {}

  /// Puts what arrives of `packet` on the way.
  void carry(Packet packet, Time now, Buffers& buffers) {
    if (!packet.is_joined()) {
      if (const auto due = send(packet.size - sizeof(Offload), now)) {
        put(std::move(packet), *due);
      } else {
        buffers.give_back(std::move(packet));
      }
      return;
    }
    const auto head = packet.head_size();
    const std::size_t step = packet.offload().segment_size;
    const auto segments = (packet.size - head + step - 1) / step;
    std::size_t kept = 0;  // from here on all went well
    std::optional<Time> last;
    for (std::size_t i = 0; i < segments; ++i) {
      const auto payload = std::min(step, packet.size - head - i * step);
      const auto due = send(head - sizeof(Offload) + payload, now);
      if (!due) {
        if (i > kept) put(part_of(packet, kept, i, buffers), *last);
        kept = i + 1;
      }
      last = due;
    }
    if (kept == 0) {
      put(std::move(packet), *last);
    } else {
      if (kept < segments) put(part_of(packet, kept, segments, buffers), *last);
      buffers.give_back(std::move(packet));
    }
  }

  std::deque<Packet>& coming() { return coming_; }

 private:
  /// Around each packet on Ethernet: preamble, header, checksum, gap.
  static constexpr std::size_t kEthernet = 38;

  /// When a packet that is sent now arrives; nothing when it does not.
  std::optional<Time> send(std::size_t size, Time now) {
    if (options_.rate > 0) {
      free_at_ = std::max(free_at_, now);
      if (free_at_ - now > options_.longest_queue) return std::nullopt;
      free_at_ += nanoseconds(static_cast<long>(static_cast<double>(size + kEthernet) * 8e9 / options_.rate));
    } else {
      free_at_ = now;
    }
    if (options_.loss > 0 && next_loss_-- == 0) {
      next_loss_ = until_loss();
      return std::nullopt;
    }
    return free_at_ + options_.delay;
  }

  void put(Packet packet, Time due) {
    packet.due = due;
    coming_.push_back(std::move(packet));
  }

  long until_loss() { return options_.loss > 0 ? std::geometric_distribution<long>(options_.loss)(noise_) : 0; }

  Options options_;
  std::mt19937 noise_{1};
  long next_loss_;
  Time free_at_;
  std::deque<Packet> coming_;
};

/// The end of the link in one namespace, and what is on its way to it.
struct End {
  int tun;
  Wire wire;
};

int open_tun(const std::string& name_space) {
  const int home = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  const int there = ::open(("/run/netns/" + name_space).c_str(), O_RDONLY | O_CLOEXEC);
  if (there < 0 || ::setns(there, CLONE_NEWNET) != 0) throw std::runtime_error("no namespace " + name_space);
  const int tun = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  std::strncpy(request.ifr_name, "link0", IFNAMSIZ - 1);
  if (tun < 0 || ::ioctl(tun, TUNSETIFF, &request) != 0 || ::ioctl(tun, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) != 0)
    throw std::runtime_error("no TUN device");
  ::setns(home, CLONE_NEWNET);
  ::close(there);
  ::close(home);
  return tun;
}

/// Takes what the device `from` has to send.
void take(int from, Wire& wire, Buffers& buffers) {
  for (int i = 0; i < 64; ++i) {
    auto packet = buffers.take();
    const ssize_t got = ::read(from, packet.bytes->data(), packet.bytes->size());
    if (got <= 0) return buffers.give_back(std::move(packet));
    packet.size = static_cast<std::size_t>(got);
    wire.carry(std::move(packet), Clock::now(), buffers);
  }
}

void deliver(End& end, Time now, Buffers& buffers) {
  auto& coming = end.wire.coming();
  while (!coming.empty() && coming.front().due <= now) {
    if (::write(end.tun, coming.front().bytes->data(), coming.front().size) < 0 && errno == EAGAIN) return;
    buffers.give_back(std::move(coming.front()));
    coming.pop_front();
  }
}

/// Until the next packet is due. Not less than a fifth of a millisecond: packets that are due within it go together.
timespec wait_time(std::array<End, 2>& ends, Time now) {
  nanoseconds wait = std::chrono::milliseconds(100);
  for (auto& end : ends) {
    if (!end.wire.coming().empty()) wait = std::min<nanoseconds>(wait, end.wire.coming().front().due - now);
  }
  return {0, std::max<nanoseconds>(wait, std::chrono::microseconds(200)).count()};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A link with a delay between two network namespaces.", "link");
  std::string server;
  std::string client;
  double delay = 25;
  double loss = 0;
  double rate = 0;
  double queue = 50;
  app.add_option("--server", server, "namespace of the server")->required();
  app.add_option("--client", client, "namespace of the client")->required();
  app.add_option("--delay-ms", delay, "of each direction")->capture_default_str();
  app.add_option("--loss-percent", loss, "of the packets from server to client")->capture_default_str();
  app.add_option("--rate-mbit", rate, "of each direction, as Ethernet counts; 0: no limit")->capture_default_str();
  app.add_option("--queue-ms", queue, "what the queue before the link holds, at its rate")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto milliseconds = [](double value) { return nanoseconds(static_cast<long>(value * 1e6)); };
  const Wire::Options options{
      .delay = milliseconds(delay), .rate = rate * 1e6, .longest_queue = milliseconds(queue), .loss = 0};
  auto lossy = options;
  lossy.loss = loss / 100;
  std::array<End, 2> ends{End{open_tun(server), Wire(options)}, End{open_tun(client), Wire(lossy)}};
  Buffers buffers;
  std::printf("ready\n");
  std::fflush(stdout);
  for (;;) {
    const auto now = Clock::now();
    for (auto& end : ends) deliver(end, now, buffers);
    std::array<pollfd, 2> waiting{pollfd{ends[0].tun, POLLIN, 0}, pollfd{ends[1].tun, POLLIN, 0}};
    const auto wait = wait_time(ends, now);
    ::ppoll(waiting.data(), waiting.size(), &wait, nullptr);
    take(ends[0].tun, ends[1].wire, buffers);
    take(ends[1].tun, ends[0].wire, buffers);
  }
}
