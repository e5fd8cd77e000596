#include <csignal>
#include <filesystem>

#if CATCH2_VERSION >= 3
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

int main(int argc, char** argv) {
  // A client whose peer went away must see an error, not die (as in every main of the project).
  std::signal(SIGPIPE, SIG_IGN);
  std::filesystem::current_path(TEST_ROOT);
  return Catch::Session().run(argc, argv);
}
