// SPDX-License-Identifier: Apache-2.0
// For programs that measure one thing in one process: the memory of the next would come from what the last has left.
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

struct measured_alone {
  const char* name;
  void (*measure)(std::size_t n);
  std::size_t n = 1'000'000;  ///< if the command line says nothing
};

/// The main of `program WHAT [N]`.
inline int measure_one_of(std::span<const measured_alone> all, int argc, char** argv) {
  std::size_t n = 0;
  bool right = argc == 2;
  if (argc == 3) {
    const char* const end = argv[2] + std::strlen(argv[2]);
    const auto [stopped, error] = std::from_chars(argv[2], end, n);
    right = error == std::errc() && stopped == end && n > 0;
  }
  for (const measured_alone& m : all) {
    if (!right || std::string_view(argv[1]) != m.name) continue;
    m.measure(argc == 3 ? n : m.n);
    return 0;
  }
  std::fprintf(stderr, "usage: %s WHAT [N], where WHAT is one of:", argv[0]);
  for (const measured_alone& m : all) std::fprintf(stderr, " %s", m.name);
  std::fputc('\n', stderr);
  return 2;
}
