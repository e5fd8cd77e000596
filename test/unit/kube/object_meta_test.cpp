#include "common/kube/object_meta.hpp"

#include "test/catch.hpp"

TEST_CASE("metadata is read") {
  const auto object = base::parse_json(
      R"({"metadata":{"name":"a","namespace":"n","uid":"u","resourceVersion":"7","generation":3}})", "test");
  REQUIRE(object);
  const auto meta = kube::decode_object_meta(*object);
  CHECK(meta.name == "a");
  CHECK(meta.name_space == "n");
  CHECK(meta.uid == "u");
  CHECK(meta.resource_version == "7");
  CHECK(meta.generation == 3);
}

TEST_CASE("of a map of strings, members of other types are left out") {
  const auto object = base::parse_json(R"({"x":"y","odd":1})", "test");
  REQUIRE(object);
  CHECK(kube::decode_string_map(&*object) == std::map<std::string, std::string>{{"x", "y"}});
  CHECK(kube::decode_string_map(nullptr).empty());
}

TEST_CASE("metadata of odd types reads as empty") {
  for (const char* text :
       {"[]", "1", R"({"metadata":[]})", R"({"metadata":{"name":1,"labels":"x","generation":"3"}})"}) {
    const auto object = base::parse_json(text, "test");
    REQUIRE(object);
    CHECK(kube::decode_object_meta(*object) == kube::ObjectMeta{});
  }
}
