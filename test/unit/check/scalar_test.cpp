#include "webhook/check/scalar.hpp"

#include "test/catch.hpp"

using Kind = webhook::Node::Kind;

// Source: sigs.k8s.io/yaml goyaml.v2/resolve.go, which kubectl reads manifests with; each asked of kubectl 1.36.3.
TEST_CASE("plain scalars are what kubectl makes of them") {
  struct Row {
    const char* text;
    Kind kind;
    const char* value;
  };
  const Row rows[] = {
      {"", Kind::null, ""},
      {"~", Kind::null, ""},
      {"null", Kind::null, ""},
      {"y", Kind::boolean, "true"},
      {"N", Kind::boolean, "false"},
      {"on", Kind::boolean, "true"},
      {"Off", Kind::boolean, "false"},
      {"TRUE", Kind::boolean, "true"},
      {"oN", Kind::string, "oN"},
      {"010", Kind::integer, "8"},
      {"0x1F", Kind::integer, "31"},
      {"0b11", Kind::integer, "3"},
      {"0o17", Kind::integer, "15"},
      {"1_000", Kind::integer, "1000"},
      {"+5", Kind::integer, "5"},
      {"-0", Kind::integer, "0"},
      {"08", Kind::integer, "8"},
      {"1e3", Kind::integer, "1000"},
      {"1e+3", Kind::integer, "1000"},
      {"0.1e1", Kind::integer, "1"},
      {"1.e3", Kind::integer, "1000"},
      {"2.0", Kind::integer, "2"},
      {"-0.0", Kind::integer, "0"},
      {"1e18", Kind::integer, "1000000000000000000"},
      {"1e19", Kind::number, "10000000000000000000.0"},
      {"1234e56", Kind::number, "1.234e59"},
      {"-1e-3", Kind::number, "-0.001"},
      {"1e999", Kind::string, "1e999"},
      {"1e+", Kind::string, "1e+"},
      {".e3", Kind::string, ".e3"},
      {"1.50", Kind::number, "1.5"},
      {".5", Kind::number, "0.5"},
      {".5e1", Kind::integer, "5"},
      {"1.", Kind::integer, "1"},
      {".", Kind::string, "."},
      {"1Gi", Kind::string, "1Gi"},
      {"2024-01-01", Kind::string, "2024-01-01"},
      {"-", Kind::string, "-"},
      {"18446744073709551615", Kind::integer, "18446744073709551615"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto node = webhook::resolve_plain_scalar(row.text);
    CHECK(node.kind == row.kind);
    CHECK(node.text == row.value);
  }
}
