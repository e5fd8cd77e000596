#include <CLI/CLI.hpp>
#include <cstdio>

#include "common/base/signals.hpp"
#include "test/fakes/file_host/file_host.hpp"

/// The file host as a program, for benches: serves a folder until SIGTERM, then prints how many bytes of bodies went
/// out.
int main(int argc, char** argv) {
  const base::Signals signals;
  CLI::App app("Serves the files of a folder over HTTP/1.1 with ranges.", "file-host");
  std::string folder = ".";
  std::string address = "127.0.0.1";
  std::uint16_t port = 18080;
  std::uint64_t rate = 0;
  app.add_option("--folder", folder, "what to serve")->capture_default_str();
  app.add_option("--address", address, "where to listen")->capture_default_str();
  app.add_option("--port", port, "where to listen")->capture_default_str();
  app.add_option("--rate", rate, "bytes per second of each connection; 0: no limit")->capture_default_str();
  fakes::HostCertificate certificate;
  app.add_option("--certificate", certificate.certificate_file, "PEM of the chain; with it the host speaks TLS");
  app.add_option("--key", certificate.key_file, "PEM of the key");
  CLI11_PARSE(app, argc, argv);
  const bool secure = !certificate.certificate_file.empty();
  fakes::FileHost host(secure ? std::optional(certificate) : std::nullopt, port, address);
  host.serve_folder(folder);
  host.limit_rate(rate);
  (void)signals.wait();
  std::printf("%llu\n", static_cast<unsigned long long>(host.body_bytes()));
}
