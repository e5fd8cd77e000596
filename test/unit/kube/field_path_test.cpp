#include "common/kube/field_path.hpp"

#include "test/catch.hpp"

TEST_CASE("a path reads as Kubernetes writes it") {
  const kube::FieldPath root;
  CHECK(root.str().empty());
  const auto spec = root.child("spec");
  const auto models = spec.child("models");
  const auto item = models.at(2);
  CHECK(item.child("name").str() == "spec.models[2].name");
  CHECK(spec.child("nodeSelector").key("a.b/c").str() == "spec.nodeSelector[a.b/c]");
}

TEST_CASE("a JSON pointer escapes ~ and /") {
  const kube::FieldPath root;
  const auto map = root.child("map");
  CHECK(map.key("a/b~c").json_pointer() == "/map/a~1b~0c");
  CHECK(map.at(3).json_pointer() == "/map/3");
  CHECK(root.json_pointer().empty());
}
