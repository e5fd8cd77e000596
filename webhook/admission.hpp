#pragma once
#include <vector>

#include "common/rules/validate.hpp"
#include "webhook/review.hpp"

namespace webhook {

/// Which of the two questions of the API server is asked.
///
/// The API server checks in this order: strict decoding, mutating webhooks, schema, CEL, validating webhooks; the first
/// that fails hides the rest (seen on kube-apiserver 1.36). So `mutate` judges too, before the schema has run: it meets
/// values of any type and names all mistakes at once. `validate` judges the final object again.
enum class Endpoint { mutate, validate };

/// A verdict, and what the rules found on the way to it.
struct Judgement {
  Verdict verdict{};
  std::vector<rules::Finding> findings{};
};

/// Decides a review. DELETE, CONNECT, subresources and kinds that are not ours are allowed, and so is an UPDATE that
/// leaves `spec` as it was, also when today's rules would reject the object: finalizers and labels must always go
/// through. A dry run is judged like any other. Pure.
[[nodiscard]] Judgement judge(const Review& review, Endpoint endpoint, const rules::Site& site = {});

}  // namespace webhook
