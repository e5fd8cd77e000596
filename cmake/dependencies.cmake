# Every dependency is a Debian package (12 and 13 differ in versions and in what they tell CMake).
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(CURL REQUIRED)
find_package(PkgConfig REQUIRED)

# Debian's httplib is a shared library whose macros change object sizes: they come from pkg-config only.
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)

if(TARGET yaml-cpp::yaml-cpp)
  set(YAML_CPP_TARGET yaml-cpp::yaml-cpp)
else()
  set(YAML_CPP_TARGET yaml-cpp)
endif()

find_path(RAPIDJSON_INCLUDE_DIR rapidjson/document.h REQUIRED)

if(LLMKUBE_ROUTER_TESTS)
  find_package(Catch2 REQUIRED)
endif()
