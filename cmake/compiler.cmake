# Which compilers may build fanout, and the flags all its targets share.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  message(FATAL_ERROR
    "fanout refuses GCC ${CMAKE_CXX_COMPILER_VERSION}: GCC before 14 miscompiles coroutines silently "
    "(a co_await in a condition never resumes, captures are destroyed twice).\n"
    "Use Clang 19, which Debian 12 has:\n"
    "  apt-get install clang-19\n"
    "  cmake -S . -B build -G Ninja -DCMAKE_CXX_COMPILER=clang++-19\n"
    "(a build directory that was configured with GCC must be removed first)")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  message(WARNING "fanout is tested with Clang 19; GCC ${CMAKE_CXX_COMPILER_VERSION} is untested.")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR
    "fanout needs Clang 19 or later, not ${CMAKE_CXX_COMPILER_VERSION}.\n"
    "  apt-get install clang-19\n"
    "  cmake -S . -B build -G Ninja -DCMAKE_CXX_COMPILER=clang++-19")
endif()

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
  endif()
  find_program(FANOUT_CCACHE ccache)
  mark_as_advanced(FANOUT_CCACHE)
  if(FANOUT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER ${FANOUT_CCACHE})
    # What ccache needs to be told so that it serves files with precompiled headers too. And huge pages for the compiler: in
    # virtual machines its page faults are a tenth of its time (188,000 of them for a test of the process pool, 27,000 so).
    set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros GLIBC_TUNABLES=glibc.malloc.hugetlb=1
                                    ${FANOUT_CCACHE})
  endif()
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

set(FANOUT_SANITIZE "" CACHE STRING "Sanitizers for every target: address,undefined or thread")
if(FANOUT_SANITIZE)
  add_compile_options(-fsanitize=${FANOUT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${FANOUT_SANITIZE})
  # UBSan's descriptions of what it checks have 700,000 relocations in the tool alone: 2600 page faults, a quarter of what
  # a process takes to start and end. Programs that lie where they were linked to lie have none.
  string(APPEND CMAKE_EXE_LINKER_FLAGS " -no-pie")
endif()

# Warnings for fanout's own targets only: they must not leak into programs that use the library.
add_library(fanout_warnings INTERFACE)
target_compile_options(fanout_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  -Wcast-qual -Woverloaded-virtual -Wimplicit-fallthrough -Wextra-semi -Wno-gnu-statement-expression)
option(FANOUT_WERROR "Treat warnings as errors" OFF)
if(FANOUT_WERROR)
  target_compile_options(fanout_warnings INTERFACE -Werror)
endif()

# Headers that nearly every file of these targets needs, and that take seconds each to read: `PRIVATE HEADERS…`, or
# `REUSE_FROM TARGET`. The library itself has none: its files are small, and each must name what it needs.
function(fanout_precompile target)
  target_precompile_headers(${target} ${ARGN})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")  # for ccache: contents count, not times
  endif()
endfunction()
