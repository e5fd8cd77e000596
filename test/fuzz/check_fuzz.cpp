// Any bytes as a file of `webhook check`: an exit status, never a crash; what --defaults prints can be read again.
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>

#include "test/fuzz/require.hpp"
#include "webhook/check/check.hpp"

// The first byte says which format.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  webhook::CheckOptions options;
  options.format = static_cast<webhook::CheckOptions::Format>(data[0] % 4);
  options.defaults = (data[0] & 4U) != 0;
  options.paths = {"-"};
  std::istringstream in(std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  std::ostringstream out;
  std::ostringstream err;
  const int status = webhook::run_check(options, in, out, err);
  require(status >= 0 && status <= 2);
  if (!options.defaults || status == 2) return 0;
  std::istringstream again(out.str());
  std::ostringstream ignored;
  require(webhook::run_check(options, again, ignored, err) != 2);
  return 0;
}
