#include "common/api/runtimes.hpp"

#include "test/catch.hpp"

TEST_CASE("the nearest runtime keeps the ending when spelling does not help") {
  CHECK(api::nearest_runtime("llamacp-router") == "llamacpp-router");
  CHECK(api::nearest_runtime("vlm") == "vllm");
  CHECK(api::nearest_runtime("mlx-router") == "llamacpp-router");
  CHECK(api::nearest_runtime("something-else") == "llamacpp");
  CHECK(api::nearest_runtime("") == "llamacpp");
}

TEST_CASE("a router runtime is one by its name") {
  for (const auto& runtime : api::runtimes()) CHECK(runtime.router == runtime.name.ends_with("-router"));
}
