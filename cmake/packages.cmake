# Debian 12's packages, found once. Protobuf by find module, and before gRPC: gRPC's config would pull a broken one.
find_package(Protobuf MODULE REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(RocksDB CONFIG REQUIRED)
find_package(fmt CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(tl-expected CONFIG REQUIRED)
find_package(tomlplusplus CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED COMPONENTS core)
if(RIFT_TESTS)
  find_package(GTest CONFIG REQUIRED)
  find_package(rapidcheck CONFIG REQUIRED)
endif()

find_path(RIFT_ASIO_INCLUDE asio.hpp REQUIRED)
add_library(rift_asio INTERFACE)
target_include_directories(rift_asio SYSTEM INTERFACE "${RIFT_ASIO_INCLUDE}")
target_compile_definitions(rift_asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED)

find_path(RIFT_XXHASH_INCLUDE xxhash.h REQUIRED)
find_library(RIFT_XXHASH_LIBRARY xxhash REQUIRED)
add_library(rift_xxhash INTERFACE)
target_include_directories(rift_xxhash SYSTEM INTERFACE "${RIFT_XXHASH_INCLUDE}")
target_link_libraries(rift_xxhash INTERFACE "${RIFT_XXHASH_LIBRARY}")

# The allocator of the program: RocksDB, gRPC and the shard allocate for every operation. Nothing includes its header.
find_library(RIFT_JEMALLOC_LIBRARY jemalloc REQUIRED)
