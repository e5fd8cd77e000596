#pragma once
#include <vector>

#include "webhook/check/located.hpp"

namespace webhook {

/// What of an object's metadata the API server refuses before it asks a webhook, so that no rule is there for it: wrong
/// types, no name, a namespace or generateName that is none.
void check_metadata(const CheckedObject& object, std::vector<LocatedFinding>& out);

}  // namespace webhook
