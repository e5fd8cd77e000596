#pragma once
#include <string>
#include <string_view>

namespace webhook {

/// A file's text as kubectl decodes it: UTF-16 where a byte order mark says so, else UTF-8, of which bytes that are no
/// character become U+FFFD; without the mark. Source: k8s.io/cli-runtime/pkg/resource/visitor.go, FileVisitor.
[[nodiscard]] std::string decode_text(std::string_view bytes);

}  // namespace webhook
