#include "reconciler/reconcile/json_text.hpp"

#include <nlohmann/json.hpp>
#include <random>

#include "test/catch.hpp"

using nlohmann::json;

namespace {

/// Any JSON value, with the strings and numbers that are written in a way of their own.
class AnyValue {
 public:
  explicit AnyValue(unsigned seed) : random_(seed) {}

  json operator()(int depth = 0) {
    switch (below(depth < 4 ? 8 : 6)) {
      case 0:
        return nullptr;
      case 1:
        return below(2) == 0;
      case 2:
        return std::int64_t(random_()) - (1LL << 31);
      case 3:
        return (std::uint64_t(random_()) << 32) | random_();
      case 4:
        return double(random_()) / 1000 - 1000;
      case 5:
        return text();
      case 6: {
        json list = json::array();
        for (unsigned i = below(5); i > 0; --i) list.push_back((*this)(depth + 1));
        return list;
      }
      default: {
        json object = json::object();
        for (unsigned i = below(5); i > 0; --i) object[text()] = (*this)(depth + 1);
        return object;
      }
    }
  }

 private:
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
  std::string text() {
    std::string out;
    const bool is_plain = below(3) > 0;
    for (unsigned i = below(20); i > 0; --i) out += static_cast<char>(is_plain ? 'a' + below(26) : below(256));
    return out;
  }
  std::mt19937 random_;
};

}  // namespace

TEST_CASE("a document is the same bytes as the library writes, whatever is in it") {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    const json value = AnyValue(seed)();
    INFO("seed " << seed);
    REQUIRE(reconciler::to_text(value) == value.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  CHECK(reconciler::to_text("\x7f \xc3\xa9 \x1f \xff") == "\"\x7f \xc3\xa9 \\u001f \xef\xbf\xbd\"");
  CHECK(reconciler::to_text(json::array()) == "[]");
}
