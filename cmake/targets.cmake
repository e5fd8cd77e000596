# add_room(NAME sources... [KNOWS libraries...]) — the static library of one room.
function(add_room name)
  cmake_parse_arguments(ROOM "" "" "KNOWS" ${ARGN})
  add_library(${name} STATIC ${ROOM_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC ${ROOM_KNOWS})
endfunction()

# Catch2's main, compiled once. It changes into the checkout, so that TEST_DATA_DIR and SOURCE_DIR can be relative: a compiler cache then
# serves every checkout.
if(LLMKUBE_ROUTER_TESTS)
  add_library(test_main STATIC test/main.cpp)
  target_link_libraries(test_main PUBLIC Catch2::Catch2)
  if(Catch2_VERSION VERSION_GREATER_EQUAL 3)
    target_compile_definitions(test_main PUBLIC CATCH2_VERSION=3)
  else()
    target_compile_definitions(test_main PUBLIC CATCH2_VERSION=2)
  endif()
  target_compile_definitions(test_main PUBLIC TEST_DATA_DIR="test" SOURCE_DIR="." PRIVATE TEST_ROOT="${CMAKE_SOURCE_DIR}")
endif()

# add_room_test(NAME sources... [SECONDS n] [KNOWS libraries...]) — one Catch2 program and one ctest entry for a room. Those that take long
# say how long, and are begun first.
function(add_room_test name)
  cmake_parse_arguments(ROOM "" "SECONDS" "KNOWS" ${ARGN})
  add_executable(${name}_test ${ROOM_UNPARSED_ARGUMENTS})
  target_link_libraries(${name}_test PRIVATE ${ROOM_KNOWS} test_main)
  add_test(NAME ${name} COMMAND ${name}_test)
  set_tests_properties(${name} PROPERTIES TIMEOUT 900)
  if(ROOM_SECONDS)
    set_tests_properties(${name} PROPERTIES COST ${ROOM_SECONDS})
  endif()
endfunction()
