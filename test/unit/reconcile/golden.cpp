#include "test/unit/reconcile/golden.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/base/file.hpp"
#include "test/catch.hpp"

void check_golden(const std::string& path, std::string_view actual) {
  const std::string file = std::string(TEST_DATA_DIR) + "/golden/reconcile/" + path;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    std::ofstream(file) << actual;
    return;
  }
  const auto expected = base::read_file(file);
  if (!expected) FAIL(file << ": no such file; make it with UPDATE_GOLDEN=1");
  INFO(file);
  CHECK(std::string(actual) == *expected);
}

std::string pretty(const std::string& json) { return nlohmann::json::parse(json).dump(2) + "\n"; }
