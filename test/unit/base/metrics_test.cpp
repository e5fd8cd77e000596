#include "common/base/metrics.hpp"

#include <atomic>
#include <thread>

#include "test/catch.hpp"

namespace {
const std::vector<base::MetricInfo> kRows{
    {"requests_total", base::MetricType::counter, "Requests.", {"code"}, {}},
    {"things", base::MetricType::gauge, "Things.", {"kind"}, {}},
    {"up", base::MetricType::gauge, "1 when up.", {}, {}},
    {"seconds", base::MetricType::histogram, "Time.", {}, {0.5, 1}},
};
}

TEST_CASE("metrics are written in Prometheus' text format") {
  base::MetricTable table(kRows);
  table.add("requests_total", {"200"});
  table.add("requests_total", {"200"}, 2);
  table.set("up", {}, 1);
  table.observe("seconds", {}, 0.75);
  CHECK(table.text() ==
        "# HELP requests_total Requests.\n# TYPE requests_total counter\nrequests_total{code=\"200\"} 3\n"
        "# HELP seconds Time.\n# TYPE seconds histogram\nseconds_bucket{le=\"0.5\"} 0\nseconds_bucket{le=\"1\"} 1\n"
        "seconds_bucket{le=\"+Inf\"} 1\nseconds_sum 0.75\nseconds_count 1\n"
        "# HELP things Things.\n# TYPE things gauge\n"
        "# HELP up 1 when up.\n# TYPE up gauge\nup 1\n");
}

TEST_CASE("label values are escaped") {
  base::MetricTable table(kRows);
  table.add("requests_total", {"a\"\\\n"});
  CHECK_THAT(table.text(), ContainsSubstring(R"(requests_total{code="a\"\\\n"} 1)"));
}

TEST_CASE("a gauge whose series are replaced is never seen without them") {
  base::MetricTable table(kRows);
  table.replace("things", {{"a", 1}, {"b", 2}});
  std::atomic<bool> done = false;
  std::thread other([&] {
    for (int i = 0; i < 20'000; ++i) table.replace("things", {{"a", 1}, {"c", i}});
    done = true;
  });
  int without = 0;
  while (!done) {
    if (table.value("things", {"a"}) != 1) ++without;
  }
  other.join();
  CHECK(without == 0);
  CHECK(table.value("things", {"b"}) == 0);
  CHECK(table.value("things", {"c"}) == 19'999);
}

TEST_CASE("a cleared gauge forgets its series") {
  base::MetricTable table(kRows);
  table.set("up", {}, 1);
  table.clear("up");
  CHECK(table.value("up") == 0);
}
