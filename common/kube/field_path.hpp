#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace kube {

/// Where a value stands in an object, as Kubernetes writes it: "spec.models[2].name", "spec.nodeSelector[a.b/c]".
/// A node points to its parent, so making one costs nothing and the text is built only for a message. A node must not
/// outlive its parent or its key; `str()` has no such tie.
class FieldPath {
 public:
  /// The object itself; its text is empty.
  constexpr FieldPath() = default;

  /// A field of this object: ".name".
  [[nodiscard]] constexpr FieldPath child(std::string_view key) const { return {this, key, Step::field}; }
  /// A key of this map: "[key]".
  [[nodiscard]] constexpr FieldPath key(std::string_view key) const { return {this, key, Step::key}; }
  /// An item of this list: "[index]".
  [[nodiscard]] constexpr FieldPath at(std::size_t index) const { return {this, index}; }

  [[nodiscard]] std::string str() const;
  /// RFC 6901: "/spec/models/2/name", with "~" and "/" escaped.
  [[nodiscard]] std::string json_pointer() const;

 private:
  enum class Step { root, field, key, index };
  constexpr FieldPath(const FieldPath* parent, std::string_view key, Step step)
      : parent_(parent), key_(key), step_(step) {}
  constexpr FieldPath(const FieldPath* parent, std::size_t index)
      : parent_(parent), index_(index), step_(Step::index) {}
  void append_to(std::string& out) const;
  void append_pointer_to(std::string& out) const;

  const FieldPath* parent_ = nullptr;
  std::string_view key_;
  std::size_t index_ = 0;
  Step step_ = Step::root;
};

}  // namespace kube
