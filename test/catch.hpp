#pragma once
// Catch2 of Debian 12 (2.13) and of Debian 13 (3.7) under one name.
#if CATCH2_VERSION >= 3
#include <catch2/catch_all.hpp>
using Catch::Matchers::ContainsSubstring;
#else
#include <catch2/catch.hpp>
inline auto ContainsSubstring(const std::string& text) { return Catch::Matchers::Contains(text); }
#endif
