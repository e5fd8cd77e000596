#pragma once
#include <string>

namespace test {

/// An AdmissionReview as the API server sends it; `object` and `old_object` are JSON, empty for none.
struct ReviewText {
  std::string operation = "CREATE";
  std::string object = {};
  std::string old_object = {};
  std::string kind = "InferenceService";
  std::string subresource = {};
  std::string group = "inference.llmkube.dev";
  std::string name = "edge";
  bool dry_run = false;

  [[nodiscard]] std::string text() const {
    return R"({"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"705ab4f5","kind":{"group":")" +
           group + R"(","version":"v1alpha1","kind":")" + kind + R"("},"resource":{"group":")" + group +
           R"(","version":"v1alpha1","resource":"things"},"requestKind":{"group":"","version":"","kind":""},"name":")" +
           name + R"(","namespace":"prod",)" + (subresource.empty() ? "" : R"("subResource":")" + subresource + "\",") +
           R"("operation":")" + operation + R"(","userInfo":{"username":"alice","groups":["dev"]},"object":)" +
           (object.empty() ? "null" : object) + R"(,"oldObject":)" + (old_object.empty() ? "null" : old_object) +
           R"(,"dryRun":)" + (dry_run ? "true" : "false") +
           R"(,"options":{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1"}}})";
  }
};

/// An InferenceService with this `spec`, as JSON.
inline std::string service(const std::string& spec, const std::string& metadata = R"({"name":"edge"})") {
  return R"({"apiVersion":"inference.llmkube.dev/v1alpha1","kind":"InferenceService","metadata":)" + metadata +
         R"(,"spec":)" + spec + "}";
}

inline const std::string kGoodSpec = R"({"runtime":"llamacpp-router","models":[{"name":"phi4-mini"}]})";
/// A router with a modelRef and no models.
inline const std::string kBadSpec = R"({"runtime":"llamacpp-router","modelRef":"phi4-mini"})";

}  // namespace test
