#include <cstdint>
#include <string>

#include "common/base/digest.hpp"
#include "reconciler/pod/fetch/partial.hpp"

/// A state file of any bytes, with its checksum made right, as somebody who may write the volume could leave it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::string line = text.substr(0, text.find('\n'));
  const auto decoded = fetch::decode_checkpoint(base::sha256_hex(line) + line + "\n");
  if (!decoded) return 0;
  const auto& checkpoint = decoded->checkpoint;
  std::uint64_t last = 0;
  for (const auto& span : checkpoint.spans) {
    if (span.begin < last || span.end <= span.begin) __builtin_trap();
    if (checkpoint.identity.size && span.end > *checkpoint.identity.size) __builtin_trap();
    last = span.end;
  }
  if (checkpoint.hashed > fetch::Spans(checkpoint.spans).frontier()) __builtin_trap();
  return 0;
}
