#pragma once
#include <ostream>

#include "common/api/crd.hpp"
#include "webhook/check/node.hpp"

namespace webhook {

/// The object as the cluster would hold it: the schema's defaults (the API server sets them, in list items too), then
/// the webhook's. What has a wrong type is left as it is.
void set_cluster_defaults(api::Kind kind, Node& object);

/// Block YAML that reads back as the same value under YAML 1.1 and 1.2.
void write_yaml(const Node& node, std::ostream& out);

}  // namespace webhook
