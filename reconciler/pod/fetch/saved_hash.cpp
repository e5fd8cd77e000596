#include "reconciler/pod/fetch/saved_hash.hpp"

#include <array>

#include "common/base/number.hpp"

// OpenSSL 3 deprecates SHA256_* in favour of EVP, which has no way to save a state.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace fetch {
namespace {

constexpr std::uint64_t kBlock = 64;
constexpr std::size_t kWordDigits = 8;

void append_word(std::string& out, std::uint32_t word) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (int shift = 28; shift >= 0; shift -= 4) out += kHex[(word >> static_cast<unsigned>(shift)) & 15U];
}

}  // namespace

void SavedHash::reset() {
  SHA256_Init(&context_);
  size_ = 0;
}

void SavedHash::update(const void* data, std::size_t size) {
  SHA256_Update(&context_, data, size);
  size_ += size;
}

std::string SavedHash::finish() {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256_Final(digest.data(), &context_);
  std::string hex;
  for (std::size_t i = 0; i < digest.size(); i += 4) {
    append_word(hex, std::uint32_t{digest[i]} << 24U | std::uint32_t{digest[i + 1]} << 16U |
                         std::uint32_t{digest[i + 2]} << 8U | std::uint32_t{digest[i + 3]});
  }
  return hex;
}

std::optional<std::string> SavedHash::save() const {
  if (size_ % kBlock != 0) return std::nullopt;
  std::string out;
  for (const auto word : context_.h) append_word(out, word);
  return out;
}

bool SavedHash::restore(std::string_view saved, std::uint64_t size) {
  reset();
  if (size % kBlock != 0 || saved.size() != kWordDigits * 8) return false;
  SHA256_CTX context = context_;
  for (std::size_t i = 0; i < 8; ++i) {
    const auto word = base::parse_number<std::uint32_t>(saved.substr(i * kWordDigits, kWordDigits), 16);
    if (!word) return false;
    context.h[i] = *word;
  }
  const std::uint64_t bits = size * 8;
  context.Nl = static_cast<SHA_LONG>(bits & 0xffffffffU);
  context.Nh = static_cast<SHA_LONG>(bits >> 32U);
  context_ = context;
  size_ = size;
  return true;
}

}  // namespace fetch
