// SPDX-License-Identifier: Apache-2.0
// For programs that measure one library in one process: the memory of the next would come from what the last has left.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

/// A line of /proc/self/status, in bytes: VmRSS is what is resident, VmHWM the most there ever was.
inline double resident(std::string_view name = "VmRSS") {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return 1024.0 * std::strtod(line.c_str() + name.size() + 1, nullptr);
  }
  return 0;
}

struct measured_library {
  const char* name;
  void (*measure)(std::size_t n);
};

/// The main of `program LIBRARY [N]`; N is a million by default.
inline int measure_one_of(std::span<const measured_library> libraries, int argc, char** argv) {
  std::size_t n = 1'000'000;
  bool right = argc == 2;
  if (argc == 3) {
    const char* const end = argv[2] + std::strlen(argv[2]);
    const auto [stopped, error] = std::from_chars(argv[2], end, n);
    right = error == std::errc() && stopped == end && n > 0;
  }
  for (const measured_library& l : libraries) {
    if (!right || std::string_view(argv[1]) != l.name) continue;
    l.measure(n);
    return 0;
  }
  std::fprintf(stderr, "usage: %s LIBRARY [N], where LIBRARY is one of:", argv[0]);
  for (const measured_library& l : libraries) std::fprintf(stderr, " %s", l.name);
  std::fputc('\n', stderr);
  return 2;
}
