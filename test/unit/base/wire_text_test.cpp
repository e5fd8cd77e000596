#include "common/base/wire_text.hpp"

#include "test/catch.hpp"

TEST_CASE("encode_percent leaves unreserved characters, and those that are kept") {
  CHECK(base::encode_percent("a-Z_0.~") == "a-Z_0.~");
  CHECK(base::encode_percent("a=b,c/d e\n\xC3\xA9") == "a%3Db%2Cc%2Fd%20e%0A%C3%A9");
  CHECK(base::encode_percent("a b/c", "/") == "a%20b/c");
}

TEST_CASE("decode_percent undoes it, and leaves what is no escape") {
  const std::string every = [] {
    std::string bytes;
    for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
    return bytes;
  }();
  CHECK(base::decode_percent(base::encode_percent(every)) == every);
  CHECK(base::decode_percent("100%, %4, %zz, %41") == "100%, %4, %zz, A");
}
