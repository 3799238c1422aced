# rift_room(NAME [DIR folder] [DEPS room...] [PUBLIC target...] [PRIVATE target...])
#
# A room is a static library rift_NAME (alias rift::NAME) from DIR (src/NAME unless said) /*.cc, or an INTERFACE library
# while it has no .cc. DEPS are the rooms whose headers it includes; PRIVATE are third-party targets that only its .cc may
# include. Each room also gets
#   - a link test: the whole archive linked against its declared dependencies and an empty main, so that an undeclared
#     room is an undefined symbol;
#   - NAME_test from tests/unit/NAME/*_test.cc, linked with that room (and tests/kit where the room is above replica).
define_property(GLOBAL PROPERTY RIFT_ROOMS BRIEF_DOCS "all rooms" FULL_DOCS "all rooms, lowest layer first")

function(rift_room name)
  cmake_parse_arguments(ROOM "" "DIR" "DEPS;PUBLIC;PRIVATE" ${ARGN})
  if(NOT ROOM_DIR)
    set(ROOM_DIR "src/${name}")
  endif()
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${ROOM_DIR}/*.cc")
  list(FILTER sources EXCLUDE REGEX "_main\\.cc$")
  list(TRANSFORM ROOM_DEPS PREPEND "rift_" OUTPUT_VARIABLE dep_targets)
  if(NOT name STREQUAL "base")
    list(APPEND dep_targets rift_base)
  endif()
  set_property(GLOBAL APPEND PROPERTY RIFT_ROOMS ${name})

  if(NOT sources)
    add_library(rift_${name} INTERFACE)
    target_link_libraries(rift_${name} INTERFACE rift_flags ${dep_targets} ${ROOM_PUBLIC})
  else()
    add_library(rift_${name} STATIC ${sources})
    target_link_libraries(rift_${name} PUBLIC ${dep_targets} ${ROOM_PUBLIC} PRIVATE rift_flags ${ROOM_PRIVATE})
    target_include_directories(rift_${name} PUBLIC "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}")
    if(RIFT_TESTS AND NOT RIFT_SANITIZE)  # a sanitizer adds nothing to a question about symbols
      file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/link_test_main.cc" CONTENT "int main() { return 0; }\n")
      add_executable(${name}_link_test "${CMAKE_BINARY_DIR}/link_test_main.cc")
      target_link_libraries(${name}_link_test PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,rift_${name}>")
      add_test(NAME link.${name} COMMAND ${name}_link_test)
      set_tests_properties(link.${name} PROPERTIES LABELS unit)
    endif()
  endif()
  add_library(rift::${name} ALIAS rift_${name})
endfunction()

# rift_program(NAME room): the executable from <room's folder>/NAME_main.cc.
function(rift_program name room)
  file(GLOB main CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/${room}/${name}_main.cc")
  if(main)
    add_executable(${name} ${main})
    target_link_libraries(${name} PRIVATE rift_${room} rift_flags)
  endif()
endfunction()

# Targets tests_LABEL build what `ctest -L LABEL` runs: the sanitizer presets need neither the programs nor the link tests.
if(RIFT_TESTS)
  foreach(label unit contract sim integration e2e threads)
    add_custom_target(tests_${label})
  endforeach()
endif()

# rift_test(NAME LABEL label SOURCES glob... DEPS room... [PRIVATE target...] [TIMEOUT seconds] [THREADS]): one GoogleTest
# binary. THREADS adds the label threads: the test runs threads of ours, so the thread sanitizer has something to see.
function(rift_test name)
  cmake_parse_arguments(T "THREADS" "LABEL;TIMEOUT" "SOURCES;DEPS;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${T_SOURCES})
  if(NOT sources)
    return()
  endif()
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  if(RIFT_SANITIZE)  # unoptimised and instrumented; the limit is there to end what hangs
    math(EXPR T_TIMEOUT "${T_TIMEOUT} * 4")
  endif()
  list(TRANSFORM T_DEPS PREPEND "rift_")
  add_executable(${name} ${sources})
  # Half of what a test file costs is optimising gtest's templates in it; what has to be fast is in the rooms.
  set_property(SOURCE ${sources} APPEND PROPERTY COMPILE_OPTIONS -O0)
  target_link_libraries(${name} PRIVATE ${T_DEPS} rift_flags GTest::gtest GTest::gmock GTest::gtest_main ${T_PRIVATE})
  target_compile_definitions(${name} PRIVATE RIFT_SOURCE_DIR="${CMAKE_SOURCE_DIR}" RIFT_BINARY_DIR="${CMAKE_BINARY_DIR}")
  add_test(NAME ${T_LABEL}.${name} COMMAND ${name})
  set(labels ${T_LABEL})
  if(T_THREADS OR T_LABEL STREQUAL "integration")  # whole servers have them all
    list(APPEND labels threads)
  endif()
  set_tests_properties(${T_LABEL}.${name} PROPERTIES LABELS "${labels}" TIMEOUT ${T_TIMEOUT})
  foreach(label IN LISTS labels)
    add_dependencies(tests_${label} ${name})
  endforeach()
endfunction()
