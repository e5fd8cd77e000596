#include "common/kube/names.hpp"

#include "test/catch.hpp"

using namespace kube;

TEST_CASE("RFC 1123 labels") {
  for (const char* good : {"a", "0", "a-b", "phi4-mini", "a1"}) CHECK(is_dns1123_label(good));
  for (const char* bad : {"", "-a", "a-", "A", "a.b", "a_b", "a b", "ä"}) CHECK_FALSE(is_dns1123_label(bad));
  CHECK(is_dns1123_label(std::string(63, 'a')));
  CHECK_FALSE(is_dns1123_label(std::string(64, 'a')));
}

TEST_CASE("RFC 1123 subdomains") {
  for (const char* good : {"a", "a.b", "0.1", "a-b.c-d"}) CHECK(is_dns1123_subdomain(good));
  for (const char* bad : {"", ".", "a.", ".a", "a..b", "A.b", "a.-b"}) CHECK_FALSE(is_dns1123_subdomain(bad));
  CHECK(is_dns1123_subdomain(std::string(253, 'a')));
  CHECK_FALSE(is_dns1123_subdomain(std::string(254, 'a')));
}

TEST_CASE("a Service's name begins with a letter") {
  CHECK(is_dns1035_label("a1"));
  CHECK_FALSE(is_dns1035_label("1a"));
  CHECK_FALSE(is_dns1035_label("a.b"));
}

TEST_CASE("label values and keys") {
  for (const char* good : {"", "A_b.c-d", "1"}) CHECK(is_label_value(good));
  for (const char* bad : {"-a", "a-", "a/b", "a b"}) CHECK_FALSE(is_label_value(bad));
  for (const char* good : {"app", "a.b/C_d", "x/y"}) CHECK(is_qualified_name(good));
  for (const char* bad : {"", "/a", "a/", "a/b/c", "A/b"}) CHECK_FALSE(is_qualified_name(bad));
}

TEST_CASE("the prefix of an annotation's key may have capitals") {
  for (const char* good : {"Example.COM/a", "a.b/C_d", "App"}) CHECK(is_annotation_key(good));
  for (const char* bad : {"", "/a", "a b", "A_b/c"}) CHECK_FALSE(is_annotation_key(bad));
}

TEST_CASE("names of environment variables") {
  for (const char* good : {"A", "a.b", "1", "a b"}) CHECK(is_env_name(good));
  for (const char* bad : {"", "a=b", "a\n", "ä"}) CHECK_FALSE(is_env_name(bad));
}

TEST_CASE("two services can meet in one Service name") { CHECK(service_name("a.b") == service_name("a-b")); }
