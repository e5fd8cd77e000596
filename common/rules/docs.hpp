#pragma once
#include <string>

namespace rules {

/// docs/rules.md: the table of rules for people, in Markdown. `webhook rules` prints it.
[[nodiscard]] std::string rules_markdown();

}  // namespace rules
