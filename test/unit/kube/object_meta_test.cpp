#include "common/kube/object_meta.hpp"

#include "test/catch.hpp"

TEST_CASE("metadata is read") {
  const auto object = base::parse_json(
      R"({"metadata":{"name":"a","namespace":"n","uid":"u","resourceVersion":"7","generation":3}})", "test");
  REQUIRE(object);
  const auto meta = kube::decode_object_meta(*object);
  CHECK(meta.name == "a");
  CHECK(meta.namespace_ == "n");
  CHECK(meta.uid == "u");
  CHECK(meta.resource_version == "7");
  CHECK(meta.generation == 3);
  CHECK_FALSE(meta.deleting);
  CHECK(meta.owner_uid.empty());
}

TEST_CASE("the owner is the controller, or the only one, and what is being deleted says so") {
  const auto owner_of = [](const std::string& owners) {
    const auto object = base::parse_json(
        R"({"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z","ownerReferences":)" + owners + "}}", "test");
    REQUIRE(object);
    const auto meta = kube::decode_object_meta(*object);
    CHECK(meta.deleting);
    return meta.owner_uid;
  };
  CHECK(owner_of("[]").empty());
  CHECK(owner_of(R"([{"uid":"a"}])") == "a");
  CHECK(owner_of(R"([{"uid":"a"},{"uid":"b"}])").empty());
  CHECK(owner_of(R"([{"uid":"a"},{"uid":"b","controller":true}])") == "b");
}

TEST_CASE("of a map of strings, members of other types are left out") {
  const auto object = base::parse_json(R"({"x":"y","odd":1})", "test");
  REQUIRE(object);
  CHECK(kube::decode_string_map(&*object) == std::map<std::string, std::string>{{"x", "y"}});
  CHECK(kube::decode_string_map(nullptr).empty());
}

TEST_CASE("metadata of odd types reads as empty") {
  for (const char* text : {"[]", "1", R"({"metadata":[]})", R"({"metadata":{"name":1,"labels":"x","generation":"3"}})",
                           R"({"metadata":{"ownerReferences":{},"deletionTimestamp":1}})"}) {
    const auto object = base::parse_json(text, "test");
    REQUIRE(object);
    CHECK(kube::decode_object_meta(*object) == kube::ObjectMeta{});
  }
}
