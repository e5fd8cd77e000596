#include "test/support/certificates.hpp"

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>

#include "common/base/file.hpp"

namespace test {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;

net::Validity from_now(hours valid_for) {
  const auto now = std::chrono::system_clock::now();
  return {now - hours(1), now + valid_for};
}

template <class T>
T need(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  return std::move(*result);
}

}  // namespace

Certificates::Certificates() {
  std::string name = (fs::temp_directory_path() / "certificates-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = name;
  authority_ = need(net::make_authority("test CA", from_now(hours(100))));
}

Certificates::~Certificates() { fs::remove_all(folder_); }

net::KeyPair Certificates::issue(hours valid_for) const {
  return need(net::issue_serving(authority_, {.common_name = "localhost",
                                              .dns_names = {"localhost"},
                                              .ip_addresses = {"127.0.0.1"},
                                              .validity = from_now(valid_for)}));
}

void Certificates::install(const net::KeyPair& pair) {
  const fs::path folder(folder_);
  const auto target = "..data_" + std::to_string(++generation_);
  fs::create_directory(folder / target);
  for (const auto& [name, content] : {std::pair{"tls.crt", pair.certificate_pem}, std::pair{"tls.key", pair.key_pem}}) {
    if (!base::write_file((folder / target / name).string(), content)) throw std::runtime_error("cannot write");
    if (!fs::is_symlink(folder / name)) fs::create_symlink(fs::path("..data") / name, folder / name);
  }
  fs::create_directory_symlink(target, folder / "..data_tmp");
  fs::rename(folder / "..data_tmp", folder / "..data");
  if (generation_ > 1) fs::remove_all(folder / ("..data_" + std::to_string(generation_ - 1)));
}

std::string Certificates::installed() const {
  return need(net::read_certificate(need(base::read_file(certificate_file())), certificate_file())).sha256;
}

}  // namespace test
