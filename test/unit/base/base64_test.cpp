#include "common/base/base64.hpp"

#include "test/catch.hpp"

TEST_CASE("base64 as RFC 4648 section 10 has it, both ways") {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : cases) {
    CHECK(base::to_base64(plain) == encoded);
    CHECK(base::from_base64(encoded) == std::string(plain));
  }
  CHECK(base::from_base64("Zm9v\n YmFy\r\n") == std::string("foobar"));
}

TEST_CASE("what is no base64 gives nothing") {
  for (const char* text : {"Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9*", "Z=9v"}) {
    CAPTURE(text);
    CHECK_FALSE(base::from_base64(text));
  }
}

TEST_CASE("bytes as hex digits") { CHECK(base::to_hex(std::string("\x00\xff\x1a", 3)) == "00ff1a"); }
