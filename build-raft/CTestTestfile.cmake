# CMake generated Testfile for 
# Source directory: /work/main
# Build directory: /work/main/build-raft
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[link.base]=] "/work/main/build-raft/base_link_test")
set_tests_properties([=[link.base]=] PROPERTIES  LABELS "unit" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;35;add_test;/work/main/CMakeLists.txt;16;rift_room;/work/main/CMakeLists.txt;0;")
add_test([=[link.env]=] "/work/main/build-raft/env_link_test")
set_tests_properties([=[link.env]=] PROPERTIES  LABELS "unit" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;35;add_test;/work/main/CMakeLists.txt;17;rift_room;/work/main/CMakeLists.txt;0;")
add_test([=[link.topology]=] "/work/main/build-raft/topology_link_test")
set_tests_properties([=[link.topology]=] PROPERTIES  LABELS "unit" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;35;add_test;/work/main/CMakeLists.txt;18;rift_room;/work/main/CMakeLists.txt;0;")
add_test([=[link.raft]=] "/work/main/build-raft/raft_link_test")
set_tests_properties([=[link.raft]=] PROPERTIES  LABELS "unit" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;35;add_test;/work/main/CMakeLists.txt;19;rift_room;/work/main/CMakeLists.txt;0;")
add_test([=[link.causal]=] "/work/main/build-raft/causal_link_test")
set_tests_properties([=[link.causal]=] PROPERTIES  LABELS "unit" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;35;add_test;/work/main/CMakeLists.txt;20;rift_room;/work/main/CMakeLists.txt;0;")
add_test([=[link.membership]=] "/work/main/build-raft/membership_link_test")
set_tests_properties([=[link.membership]=] PROPERTIES  LABELS "unit" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;35;add_test;/work/main/CMakeLists.txt;21;rift_room;/work/main/CMakeLists.txt;0;")
add_test([=[link.replica]=] "/work/main/build-raft/replica_link_test")
set_tests_properties([=[link.replica]=] PROPERTIES  LABELS "unit" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;35;add_test;/work/main/CMakeLists.txt;22;rift_room;/work/main/CMakeLists.txt;0;")
add_test([=[link.caller]=] "/work/main/build-raft/caller_link_test")
set_tests_properties([=[link.caller]=] PROPERTIES  LABELS "unit" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;35;add_test;/work/main/CMakeLists.txt;26;rift_room;/work/main/CMakeLists.txt;0;")
add_test([=[link.node]=] "/work/main/build-raft/node_link_test")
set_tests_properties([=[link.node]=] PROPERTIES  LABELS "unit" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;35;add_test;/work/main/CMakeLists.txt;27;rift_room;/work/main/CMakeLists.txt;0;")
add_test([=[link.engine]=] "/work/main/build-raft/engine_link_test")
set_tests_properties([=[link.engine]=] PROPERTIES  LABELS "unit" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;35;add_test;/work/main/CMakeLists.txt;28;rift_room;/work/main/CMakeLists.txt;0;")
add_test([=[link.reactor]=] "/work/main/build-raft/reactor_link_test")
set_tests_properties([=[link.reactor]=] PROPERTIES  LABELS "unit" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;35;add_test;/work/main/CMakeLists.txt;29;rift_room;/work/main/CMakeLists.txt;0;")
add_test([=[link.chaos_check]=] "/work/main/build-raft/chaos_check_link_test")
set_tests_properties([=[link.chaos_check]=] PROPERTIES  LABELS "unit" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;35;add_test;/work/main/CMakeLists.txt;37;rift_room;/work/main/CMakeLists.txt;0;")
add_test([=[link.chaos_live]=] "/work/main/build-raft/chaos_live_link_test")
set_tests_properties([=[link.chaos_live]=] PROPERTIES  LABELS "unit" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;35;add_test;/work/main/CMakeLists.txt;43;rift_room;/work/main/CMakeLists.txt;0;")
subdirs("proto")
subdirs("tests")
