#pragma once
#include <cstddef>
#include <string>
#include <string_view>

/// Kubernetes' rules for names (k8s.io/apimachinery/pkg/util/validation).
namespace kube {

inline constexpr std::size_t kMaxLabelLength = 63;
inline constexpr std::size_t kMaxSubdomainLength = 253;

/// RFC 1123 label: lower-case letters, digits and `-`, a letter or digit at both ends, at most 63.
[[nodiscard]] bool is_dns1123_label(std::string_view text);
/// RFC 1123 subdomain: labels with `.` between them, at most 253. The name of most objects.
[[nodiscard]] bool is_dns1123_subdomain(std::string_view text);
/// RFC 1035 label, as a Service's name must be: as RFC 1123, but a letter first.
[[nodiscard]] bool is_dns1035_label(std::string_view text);
/// The value of a label: at most 63, empty or letters, digits, `-_.` with a letter or digit at both ends.
[[nodiscard]] bool is_label_value(std::string_view text);
/// The key of a label: an optional prefix (a subdomain and `/`) and a name of at most 63.
[[nodiscard]] bool is_qualified_name(std::string_view text);
/// The key of an annotation: the same, of which the API server looks at the small letters (ValidateAnnotations in
/// apimachinery/pkg/api/validation/objectmeta.go), so the prefix may have capitals.
[[nodiscard]] bool is_annotation_key(std::string_view text);
/// The name of an environment variable as the API server takes it: printable ASCII without `=`.
[[nodiscard]] bool is_env_name(std::string_view text);

/// The name of the Service of an InferenceService: `.` becomes `-` (LLMKube's rule), so "a.b" and "a-b" meet.
[[nodiscard]] std::string service_name(std::string_view inference_service);

}  // namespace kube
