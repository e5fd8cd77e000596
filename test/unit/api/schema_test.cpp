#include "common/api/schema.hpp"

#include "test/catch.hpp"

using api::Schema;

TEST_CASE("the built-in CRD is read whole") {
  const Schema* spec = api::schema_of(api::Kind::inference_service).property("spec");
  REQUIRE(spec != nullptr);
  const Schema* models = spec->property("models");
  REQUIRE(models != nullptr);
  CHECK(models->type == Schema::Type::array);
  CHECK(models->max_items == 64);
  REQUIRE(models->items != nullptr);
  CHECK(models->items->property("contextSize")->minimum == 128);
  CHECK(models->items->property("contextSize")->is_int32);
  CHECK(spec->property("cacheTypeK")->allowed.front() == "\"f16\"");
  CHECK(spec->property("resources")->property("requests")->values->type == Schema::Type::int_or_string);
  CHECK(spec->property("router")->property("scheduling")->property("policy")->default_json == "\"Fair\"");
  CHECK(spec->property("env")->items->property("name") != nullptr);
  CHECK(spec->property("nonsense") == nullptr);
  CHECK(api::schema_of(api::Kind::inference_service).property("metadata")->is_free_form());
}

TEST_CASE("a Model's source has its pattern") {
  const Schema* source = api::schema_of(api::Kind::model).property("spec")->property("source");
  REQUIRE(source != nullptr);
  REQUIRE(source->pattern);
  CHECK(source->pattern->matches("hf://org/repo"));
  CHECK_FALSE(source->pattern->matches("ftp://x y"));
}
