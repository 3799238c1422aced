# CMake generated Testfile for 
# Source directory: /work/main/tests
# Build directory: /work/main/build-raft/tests
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[link.kit]=] "/work/main/build-raft/tests/kit_link_test")
set_tests_properties([=[link.kit]=] PROPERTIES  LABELS "unit" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;35;add_test;/work/main/tests/CMakeLists.txt;2;rift_room;/work/main/tests/CMakeLists.txt;0;")
add_test([=[unit.raft_test]=] "/work/main/build-raft/tests/raft_test")
set_tests_properties([=[unit.raft_test]=] PROPERTIES  LABELS "unit" TIMEOUT "120" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;65;add_test;/work/main/tests/CMakeLists.txt;12;rift_test;/work/main/tests/CMakeLists.txt;0;")
add_test([=[unit.causal_test]=] "/work/main/build-raft/tests/causal_test")
set_tests_properties([=[unit.causal_test]=] PROPERTIES  LABELS "unit" TIMEOUT "120" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;65;add_test;/work/main/tests/CMakeLists.txt;12;rift_test;/work/main/tests/CMakeLists.txt;0;")
add_test([=[unit.membership_test]=] "/work/main/build-raft/tests/membership_test")
set_tests_properties([=[unit.membership_test]=] PROPERTIES  LABELS "unit" TIMEOUT "120" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;65;add_test;/work/main/tests/CMakeLists.txt;12;rift_test;/work/main/tests/CMakeLists.txt;0;")
add_test([=[unit.engine_test]=] "/work/main/build-raft/tests/engine_test")
set_tests_properties([=[unit.engine_test]=] PROPERTIES  LABELS "unit" TIMEOUT "120" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;65;add_test;/work/main/tests/CMakeLists.txt;12;rift_test;/work/main/tests/CMakeLists.txt;0;")
add_test([=[unit.reactor_test]=] "/work/main/build-raft/tests/reactor_test")
set_tests_properties([=[unit.reactor_test]=] PROPERTIES  LABELS "unit" TIMEOUT "120" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;65;add_test;/work/main/tests/CMakeLists.txt;12;rift_test;/work/main/tests/CMakeLists.txt;0;")
add_test([=[unit.chaos_check_test]=] "/work/main/build-raft/tests/chaos_check_test")
set_tests_properties([=[unit.chaos_check_test]=] PROPERTIES  LABELS "unit" TIMEOUT "120" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;65;add_test;/work/main/tests/CMakeLists.txt;12;rift_test;/work/main/tests/CMakeLists.txt;0;")
add_test([=[unit.chaos_live_test]=] "/work/main/build-raft/tests/chaos_live_test")
set_tests_properties([=[unit.chaos_live_test]=] PROPERTIES  LABELS "unit" TIMEOUT "120" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;65;add_test;/work/main/tests/CMakeLists.txt;12;rift_test;/work/main/tests/CMakeLists.txt;0;")
add_test([=[tidy]=] "/work/main/scripts/tidy")
set_tests_properties([=[tidy]=] PROPERTIES  LABELS "unit" WORKING_DIRECTORY "/work/main" _BACKTRACE_TRIPLES "/work/main/tests/CMakeLists.txt;24;add_test;/work/main/tests/CMakeLists.txt;0;")
subdirs("contract")
