// SPDX-License-Identifier: Apache-2.0
// What a new process does instead of going on as a copy of the one that it was forked from.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <exception>

namespace fanout::detail {

inline constexpr int could_not_begin = 125;

/// `life()` does not return. An error must not leave it, into code that is somebody else's.
template <class F>
[[noreturn]] void end_here(F&& life) noexcept {
  try {
    life();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fanout: process %d cannot do its work: %s\n", ::getpid(), error.what());
  } catch (...) {
  }
  ::_exit(could_not_begin);
}

}  // namespace fanout::detail
