#include "common/base/metrics.hpp"

#include "test/catch.hpp"

namespace {
const std::vector<base::MetricInfo> kRows{
    {"requests_total", base::MetricType::counter, "Requests.", {"code"}, {}},
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
        "# HELP up 1 when up.\n# TYPE up gauge\nup 1\n");
}

TEST_CASE("label values are escaped") {
  base::MetricTable table(kRows);
  table.add("requests_total", {"a\"\\\n"});
  CHECK_THAT(table.text(), ContainsSubstring(R"(requests_total{code="a\"\\\n"} 1)"));
}

TEST_CASE("a cleared gauge forgets its series") {
  base::MetricTable table(kRows);
  table.set("up", {}, 1);
  table.clear("up");
  CHECK(table.value("up") == 0);
}
