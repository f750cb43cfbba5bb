# Helpers that keep every part's CMakeLists.txt down to a list of files.
find_package(PkgConfig REQUIRED)

# hero_library(NAME SOURCES... [PUBLIC libs] [PRIVATE libs]): a static library that
# publishes <part>/include.
function(hero_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include
                                     PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE hero_flags ${ARG_PRIVATE})
endfunction()

# hero_program(NAME SOURCES... LIBS...): an executable that `cmake --install` puts in bin.
function(hero_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE hero_flags ${ARG_LIBS})
  install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()

# Links a program of the tests without link-time optimisation (see flags.cmake).
function(hero_link_without_lto name)
  set_target_properties(${name} PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
  if(CMAKE_INTERPROCEDURAL_OPTIMIZATION)
    target_link_options(${name} PRIVATE -fno-lto)
  endif()
endfunction()

# hero_test(NAME SOURCES... LIBS... [TIMEOUT seconds]): a cmocka program run by ctest.
function(hero_test name)
  if(NOT HERO_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET GLOBAL cmocka)
  target_link_libraries(${name} PRIVATE hero_flags ${ARG_LIBS} PkgConfig::CMOCKA)
  hero_link_without_lto(${name})
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
endfunction()

# hero_fuzz(NAME SOURCES... LIBS... [SEEDS dir] [DICT file]): a libFuzzer target, built with
# -DHERO_FUZZ=ON. ctest runs it for FUZZ_SECONDS (10 unless the environment says otherwise).
function(hero_fuzz name)
  if(NOT HERO_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "SEEDS;DICT" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(${name} PRIVATE hero_flags ${ARG_LIBS})
  add_test(NAME ${name}
           COMMAND ${CMAKE_SOURCE_DIR}/cmake/run_fuzz.sh $<TARGET_FILE:${name}>
                   "${ARG_SEEDS}" "${ARG_DICT}")
endfunction()

# hero_openrpc_document(JSON OUTPUT HEADER): writes OUTPUT, a C file with the document as
# openrpc_document and openrpc_document_len, which HEADER declares. A changed document configures anew.
function(hero_openrpc_document json output header)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${json})
  file(READ ${json} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(................................................................................)"
         "\\1\n" bytes "${bytes}")
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT
"#include \"@header@\"\n
const char openrpc_document[] = {\n@bytes@ 0};
const size_t openrpc_document_len = sizeof openrpc_document - 1;\n")
endfunction()
