#include "common/base/log.hpp"

#include "test/catch.hpp"

TEST_CASE("a log line is an event with keys") {
  CHECK(base::log::format("model-available", {{"isvc", "edge/multi"}, {"models", 3}}) ==
        "model-available isvc=edge/multi models=3");
}

TEST_CASE("a value cannot forge another line or key") {
  CHECK(base::log::format("denied", {{"name", "a\nerror b=c"}}) == "denied name=\"a\\nerror b=c\"");
  CHECK(base::log::format("denied", {{"name", ""}}) == "denied name=\"\"");
  CHECK(base::log::format("denied", {{"name", "\x1b[31m x"}}) == "denied name=\"?[31m x\"");
}

TEST_CASE("an unknown level is refused") { CHECK_FALSE(base::log::set_level("loud")); }
