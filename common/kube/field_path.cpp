#include "common/kube/field_path.hpp"

namespace kube {
namespace {

void append_escaped(std::string& out, std::string_view key) {
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
}

}  // namespace

void FieldPath::append_to(std::string& out) const {
  if (parent_ == nullptr) return;
  parent_->append_to(out);
  switch (step_) {
    case Step::root:
      break;
    case Step::field:
      if (!out.empty()) out += '.';
      out += key_;
      break;
    case Step::key:
      out += '[';
      out += key_;
      out += ']';
      break;
    case Step::index:
      out += '[' + std::to_string(index_) + ']';
      break;
  }
}

std::string FieldPath::str() const {
  std::string out;
  append_to(out);
  return out;
}

void FieldPath::append_pointer_to(std::string& out) const {
  if (parent_ == nullptr) return;
  parent_->append_pointer_to(out);
  out += '/';
  if (step_ == Step::index) {
    out += std::to_string(index_);
  } else {
    append_escaped(out, key_);
  }
}

std::string FieldPath::json_pointer() const {
  std::string out;
  append_pointer_to(out);
  return out;
}

}  // namespace kube
