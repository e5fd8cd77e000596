# Compiler options of every target: warnings are errors, sanitizers are one switch.
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns of overlapping copies inside std::string::operator+ (GCC bug 105651).
  add_compile_options(-Wno-restrict)
endif()
if(NOT CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  # The code is tested where char is signed; on arm64 it is not, unless told so.
  add_compile_options(-fsigned-char)
endif()
include_directories(${CMAKE_SOURCE_DIR})

if(LLMKUBE_ROUTER_SANITIZE)
  add_compile_options(-fsanitize=${LLMKUBE_ROUTER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
  add_link_options(-fsanitize=${LLMKUBE_ROUTER_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 reports maybe-uninitialized in the standard library once sanitizers change its inlining.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  # Its aligned 16-byte loads read past the end of a string, which is harmless but is what ASan reports.
  add_compile_definitions(RAPIDJSON_SSE2)
endif()

if(LLMKUBE_ROUTER_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "fuzzers need clang 16 (14 has no working std::expected, 19 does not take RapidJSON 1.1): configure with preset fuzz")
  endif()
  # RapidJSON's allocator adds zero to a null pointer. Clang 16 has the concepts that <expected> asks for by their later number.
  add_compile_options(-fsanitize=fuzzer-no-link -fno-sanitize=pointer-overflow -Wno-error
                      -Wno-macro-redefined -D__cpp_concepts=202002L)
endif()
