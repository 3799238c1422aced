# Language level, warnings, linker and sanitizers: one interface target, rift_flags, that every room links.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(RIFT_CCACHE ccache)
if(RIFT_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${RIFT_CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER "${RIFT_CCACHE}")
endif()
find_program(RIFT_MOLD mold)
if(RIFT_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_package(Threads REQUIRED)
add_library(rift_flags INTERFACE)
target_compile_options(rift_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wswitch-enum -Werror
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
target_link_libraries(rift_flags INTERFACE Threads::Threads)
target_include_directories(rift_flags INTERFACE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}")
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(rift_flags INTERFACE RIFT_CHECK_INVARIANTS=1)
endif()

# Generated code stays unsanitised: gcc's undefined-behaviour pass needs 34 s for one stub file.
add_library(rift_sanitize INTERFACE)
if(RIFT_SANITIZE STREQUAL "address")
  target_compile_options(rift_sanitize INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined -O1 -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(RIFT_SANITIZE STREQUAL "thread")
  # asio's fences are an error under tsan's -Wtsan; Debian's gRPC is not instrumented (see scripts/test).
  target_compile_options(rift_sanitize INTERFACE -fsanitize=thread -O1 -fno-omit-frame-pointer
    $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  target_compile_definitions(rift_sanitize INTERFACE ASIO_DISABLE_FENCED_BLOCK)
  add_link_options(-fsanitize=thread)
endif()
target_link_libraries(rift_flags INTERFACE rift_sanitize)
