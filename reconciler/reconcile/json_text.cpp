#include "reconciler/reconcile/json_text.hpp"

#include <nlohmann/json.hpp>

namespace reconciler {

std::string to_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace reconciler
