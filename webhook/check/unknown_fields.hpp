#pragma once
#include <vector>

#include "common/api/crd.hpp"
#include "webhook/check/located.hpp"

namespace webhook {

/// The fields of an object that its CRD does not know, at any depth, with the nearest known one.
void find_unknown_fields(api::Kind kind, const CheckedObject& object, std::vector<LocatedFinding>& out);

}  // namespace webhook
