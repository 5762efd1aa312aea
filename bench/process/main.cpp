// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <algorithm>
#include <string_view>

#include "payload.hpp"

int main(int argc, char** argv) {
  const auto is = [](std::string_view what) { return [what](const char* argument) { return argument == what; }; };
  if (std::any_of(argv + 1, argv + argc, is("--exit"))) return 0;  // what ready.cpp starts, as a yardstick
  if (std::any_of(argv + 1, argv + argc, is("--huge"))) add_huge_payload();
  argc = static_cast<int>(std::remove_if(argv + 1, argv + argc, is("--huge")) - argv);

  const rlimit none{};
  ::setrlimit(RLIMIT_CORE, &none);  // for failures.cpp: what a crash costs, not what writing a core costs

  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
