#include <cstdlib>
#include <sstream>

#include "common/base/file.hpp"
#include "test/catch.hpp"
#include "test/unit/check/examples.hpp"

// Every message as users see it. After a wanted change: UPDATE_GOLDEN=1 ctest -R check, and read the diff.
TEST_CASE("the messages of all bad examples are those of messages.golden") {
  std::ostringstream out;
  for (const auto& rule : rules::table()) {
    if (rule.scope == rules::Scope::offline) continue;
    out << rule.id << "\n";
    for (const auto& finding : rules::validate(webhook::to_json(examples::object(rule, rule.bad))))
      out << (finding.severity == rules::Severity::error ? "  error " : "  warning ") << finding.text() << "\n";
  }
  const std::string path = TEST_DATA_DIR "/unit/check/messages.golden";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) REQUIRE(base::write_file(path, out.str()));
  const auto golden = base::read_file(path);
  REQUIRE(golden);
  CHECK(*golden == out.str());
}
