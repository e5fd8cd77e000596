#include <algorithm>
#include <cstdint>
#include <cstring>

#include "reconciler/pod/fetch/gguf.hpp"

/// A GGUF header of any bytes: an error or a header, in little memory and time, and never a read outside the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = [&](std::uint64_t offset, char* into, std::size_t wanted) -> std::size_t {
    if (offset >= size) __builtin_trap();  // the cursor never asks beyond the size it was told
    const auto part = std::min<std::size_t>(wanted, size - static_cast<std::size_t>(offset));
    std::memcpy(into, data + offset, part);
    return part;
  };
  const auto header = fetch::read_gguf(read, size);
  if (header && header->needed_size > size) __builtin_trap();
  if (!header && header.error().empty()) __builtin_trap();
  const auto wrong = fetch::describe_wrong_start({reinterpret_cast<const char*>(data), size});
  if (header && !wrong.empty()) __builtin_trap();
  if (wrong.size() > 400) __builtin_trap();
  return 0;
}
