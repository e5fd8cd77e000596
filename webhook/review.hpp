#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/rules/defaults.hpp"
#include "common/rules/denial.hpp"

/// The API server's AdmissionReview (admission.k8s.io/v1): what it asks and what it is answered.
/// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
namespace webhook {

enum class Operation { create, update, remove, connect };

/// "CREATE", "UPDATE", "DELETE", "CONNECT".
[[nodiscard]] std::string_view to_string(Operation operation);

/// A question. The pointers lead into `document`.
struct Review {
  base::JsonDocument document;
  std::string uid{};
  std::string group{};
  std::string kind{};
  std::string name{};
  std::string name_space{};
  /// "status", "scale"; empty for the object itself.
  std::string subresource{};
  Operation operation = Operation::create;
  std::string user{};
  bool dry_run = false;
  /// The new object: never null for CREATE and UPDATE.
  const base::JsonValue* object = nullptr;
  /// The stored object: never null for UPDATE.
  const base::JsonValue* old_object = nullptr;
};

/// More members and items than this are no object that etcd would store: they cost memory, so they are refused before
/// they are parsed.
inline constexpr std::ptrdiff_t kMaxValues = 500'000;

/// Reads any bytes; the error says what is wrong with the review itself (the object in it is judged by the rules).
[[nodiscard]] base::Result<Review> decode_review(std::string_view text);

/// An answer.
struct Verdict {
  bool allowed = true;
  std::vector<rules::PatchOperation> patch{};
  std::vector<std::string> warnings{};
  /// Holds when not allowed.
  rules::Denial denial{};
};

/// The AdmissionReview to send back.
[[nodiscard]] std::string encode_answer(std::string_view uid, const Verdict& verdict);

}  // namespace webhook
