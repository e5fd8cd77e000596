#pragma once
#include "common/api/schema.hpp"
#include "common/base/json.hpp"
#include "common/kube/field_path.hpp"
#include "common/rules/rule.hpp"

namespace rules {

/// What the CRD's schema says of a value: types, required fields, bounds, enums, patterns. As the API
/// server reads it, a field that is null counts as absent. Unknown fields are passed over.
void check_schema(const api::Schema& schema, const base::JsonValue& value, const kube::FieldPath& path, Report& report);

}  // namespace rules
