#pragma once
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "webhook/check/check.hpp"
#include "webhook/check/located.hpp"

namespace webhook {

/// Gives a line of a file as it stands there, without its end; for the text output.
using LineOf = std::function<std::string_view(const std::string& file, std::size_t line)>;

/// Writes findings in one of the formats: a compiler's text, JSON, SARIF 2.1.0 or GitHub's workflow commands.
void write_findings(CheckOptions::Format format, const std::vector<LocatedFinding>& findings, const LineOf& line_of,
                    std::ostream& out);

}  // namespace webhook
