#include "reconciler/pod/agent/listing.hpp"

#include "test/catch.hpp"

using agent::parse_event_line;
using agent::parse_listing;
using agent::ServerState;

TEST_CASE("the listing of build 11669 is read") {
  const auto listing = parse_listing(R"({"data":[
    {"id":"a","aliases":["al-a","z"],"status":{"value":"loaded","args":[]}},
    {"id":"b","aliases":[],"status":{"value":"unloaded","exit_code":1,"failed":true}},
    {"id":"c","status":{"value":"sleeping"}},
    {"id":"d","status":{"value":"loading"}},
    {"id":"e","status":{"value":"something new"}}],"object":"list"})");
  REQUIRE(listing.has_value());
  CHECK(*listing == agent::Listing{{"a", {"al-a", "z"}, ServerState::loaded, false, 0},
                                   {"b", {}, ServerState::unloaded, true, 1},
                                   {"c", {}, ServerState::sleeping, false, 0},
                                   {"d", {}, ServerState::loading, false, 0},
                                   {"e", {}, ServerState::unloaded, false, 0}});
}

TEST_CASE("a listing of another shape is an error") {
  const std::string body = GENERATE("", "[]", "{}", R"({"data":{}})", R"({"data":[1]})", R"({"data":[{"id":1}]})");
  CHECK_FALSE(parse_listing(body).has_value());
}

TEST_CASE("event lines are read, and all else is passed over") {
  const auto loading =
      parse_event_line(R"(data: {"model":"a","event":"status_change","data":{"status":"loading","progress":{}}})");
  REQUIRE(loading.has_value());
  CHECK(loading->model == "a");
  CHECK(loading->state == ServerState::loading);
  const auto gone = parse_event_line(R"(data:{"model":"a","event":"x","data":{"status":"unloaded","exit_code":9}})");
  REQUIRE(gone.has_value());
  CHECK(gone->exit_code == 9);
  const auto reload = parse_event_line(R"(data: {"model":"*","event":"models_reload"})");
  REQUIRE(reload.has_value());
  CHECK(reload->model.empty());

  const std::string other = GENERATE("", ": comment", "event: x", "data:", "data: {", R"(data: {"model":"a"})",
                                     R"(data: {"data":{"status":"loaded"}})",
                                     R"(data: {"model":"a","data":{"status":"dancing"}})", "data: [[[[");
  CHECK_FALSE(parse_event_line(other).has_value());
}

TEST_CASE("llama-server's own words are found in an error body") {
  CHECK(agent::error_message(R"({"error":{"code":500,"message":"model limit reached"}})") == "model limit reached");
  CHECK(agent::error_message("proxy error: no\n") == "proxy error: no");
  CHECK(agent::error_message(std::string(1000, 'x')).size() <= 300);
}
