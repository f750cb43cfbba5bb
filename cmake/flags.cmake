# Compiler flags shared by every target, as one interface library.
add_library(hero_flags INTERFACE)
target_compile_definitions(hero_flags INTERFACE _GNU_SOURCE HERO_VERSION="${PROJECT_VERSION}")
target_compile_options(hero_flags INTERFACE
  -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wformat=2
  -Wundef -Wwrite-strings -Wvla -Wpointer-arith -Wcast-qual -fno-common
  -fno-strict-aliasing)
# Short type names such as `text` and `path` are fine as names of variables; a variable that
# hides another variable is not.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(hero_flags INTERFACE -Wshadow=local)
else()
  target_compile_options(hero_flags INTERFACE -Wshadow)
endif()
if(HERO_WARNINGS_FATAL)
  target_compile_options(hero_flags INTERFACE -Werror)
endif()

# Programs are optimised across files at link time, tests are not: there are many, and each would
# take as long as a program. Objects serve both.
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION)
  target_compile_options(hero_flags INTERFACE -ffat-lto-objects)
endif()

if(HERO_FUZZ)
  # libFuzzer steers by the coverage of everything it runs, the libraries above all.
  target_compile_options(hero_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(HERO_SANITIZE)
  target_compile_options(hero_flags INTERFACE
    -fsanitize=${HERO_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(hero_flags INTERFACE -fsanitize=${HERO_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  # Fortify and ASan do not mix, so hardening is for builds without sanitizers.
  target_compile_options(hero_flags INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection)
  target_link_options(hero_flags INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack)
endif()
