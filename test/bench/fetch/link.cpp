#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <deque>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

/// A long link between two network namespaces, for kernels without netem: a TUN device in each, and packets that reach
/// the other side late, or not at all. TCP sees a real round trip.
namespace {

using Time = std::chrono::steady_clock::time_point;

struct Packet {
  Time due;
  std::vector<char> bytes;
};

/// The end of the link in one namespace, and what is on its way to it.
struct End {
  int tun = -1;
  std::deque<Packet> coming;
};

int open_tun(const std::string& name_space) {
  const int home = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  const int there = ::open(("/run/netns/" + name_space).c_str(), O_RDONLY | O_CLOEXEC);
  if (there < 0 || ::setns(there, CLONE_NEWNET) != 0) throw std::runtime_error("no namespace " + name_space);
  const int tun = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strncpy(request.ifr_name, "link0", IFNAMSIZ - 1);
  if (tun < 0 || ::ioctl(tun, TUNSETIFF, &request) != 0) throw std::runtime_error("no TUN device");
  ::setns(home, CLONE_NEWNET);
  ::close(there);
  ::close(home);
  return tun;
}

/// Takes what `from` has to send; each packet reaches `to` after `delay`.
template <class Lost>
void take(End& from, End& to, std::chrono::microseconds delay, Lost lost) {
  static std::array<char, 65536> buffer;
  for (int i = 0; i < 256; ++i) {
    const ssize_t got = ::read(from.tun, buffer.data(), buffer.size());
    if (got <= 0) return;
    if (lost()) continue;
    to.coming.push_back({std::chrono::steady_clock::now() + delay, {buffer.data(), buffer.data() + got}});
  }
}

void deliver(End& end, Time now) {
  while (!end.coming.empty() && end.coming.front().due <= now) {
    const auto& bytes = end.coming.front().bytes;
    if (::write(end.tun, bytes.data(), bytes.size()) < 0 && errno == EAGAIN) return;
    end.coming.pop_front();
  }
}

int wait_time(const std::array<End, 2>& ends, Time now) {
  long microseconds = 100'000;
  for (const auto& end : ends) {
    if (end.coming.empty()) continue;
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(end.coming.front().due - now).count();
    microseconds = std::min(microseconds, std::max(0L, static_cast<long>(left)));
  }
  return static_cast<int>(microseconds / 1000);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A link with a delay between two network namespaces.", "link");
  std::string server;
  std::string client;
  double delay = 25;
  double loss = 0;
  app.add_option("--server", server, "namespace of the server")->required();
  app.add_option("--client", client, "namespace of the client")->required();
  app.add_option("--delay-ms", delay, "of each direction")->capture_default_str();
  app.add_option("--loss-percent", loss, "of the packets from server to client")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const std::chrono::microseconds wait(static_cast<long>(delay * 1000));
  std::mt19937 noise(1);
  std::bernoulli_distribution drop(loss / 100);
  std::array<End, 2> ends{End{open_tun(server), {}}, End{open_tun(client), {}}};
  std::printf("ready\n");
  std::fflush(stdout);
  for (;;) {
    const auto now = std::chrono::steady_clock::now();
    for (auto& end : ends) deliver(end, now);
    std::array<pollfd, 2> waiting{pollfd{ends[0].tun, POLLIN, 0}, pollfd{ends[1].tun, POLLIN, 0}};
    ::poll(waiting.data(), waiting.size(), wait_time(ends, now));
    take(ends[0], ends[1], wait, [&] { return drop(noise); });
    take(ends[1], ends[0], wait, [] { return false; });
  }
}
