# CMake generated Testfile for 
# Source directory: /work/main/tests/contract
# Build directory: /work/main/build-raft/tests/contract
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[contract.storage_contract_test]=] "/work/main/build-raft/tests/contract/storage_contract_test")
set_tests_properties([=[contract.storage_contract_test]=] PROPERTIES  LABELS "contract" TIMEOUT "240" _BACKTRACE_TRIPLES "/work/main/cmake/rift_room.cmake;65;add_test;/work/main/tests/contract/CMakeLists.txt;2;rift_test;/work/main/tests/contract/CMakeLists.txt;0;")
