#include "common/base/error.hpp"

#include <system_error>

namespace base {

std::string Error::to_string() const {
  std::string out;
  if (!where.empty()) out = where + ": ";
  out += what;
  if (!fix.empty()) out += "; " + fix;
  return out;
}

std::unexpected<Error> fail(std::string what, std::string where, std::string fix) {
  return std::unexpected(Error{std::move(what), std::move(where), std::move(fix)});
}

std::string errno_text(int error_number) { return std::generic_category().message(error_number); }

}  // namespace base
