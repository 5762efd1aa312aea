// SPDX-License-Identifier: Apache-2.0
// Work that memory is the limit of, and work that the allocator is.
#include <array>
#include <memory>
#include <numeric>
#include <vector>

#include "workloads/builtin/kinds.hpp"
#include "workloads/builtin/squares.hpp"

namespace workloads {

namespace {

/// Passes over a buffer of its own. Each adds up all words and adds one to each: memory is read and written.
[[gnu::noinline]] task_value stream(task_input input) {
  constexpr int passes = 20;
  std::vector<std::uint64_t> words((input.amount + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t));
  std::iota(words.begin(), words.end(), std::uint64_t{0});
  uint128 sum = 0;
  for (int pass = 0; pass < passes; ++pass) {
    asm volatile("" : : "r"(words.data()) : "memory");  // passes must not become one
    std::uint64_t of_pass = 0;                          // large enough: a billion words below 2^31 are the most
    for (std::uint64_t& word : words) of_pass += word++;
    sum += of_pass;
  }
  return integer(sum);
}

/// Blocks of 16 to 1039 bytes, each freed when a thousand others have been allocated.
[[gnu::noinline]] task_value allocate(task_input input) {
  std::array<std::unique_ptr<char[]>, 1024> blocks;
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0, random = 1; i < input.amount; ++i) {
    random = random * 6364136223846793005U + 1442695040888963407U;  // Knuth's
    const std::size_t size = 16 + (random >> 54);
    auto& block = blocks[i % blocks.size()];
    block = std::make_unique_for_overwrite<char[]>(size);
    char* memory = block.get();
    asm volatile("" : "+r"(memory) : : "memory");  // else what nobody reads need not be allocated
    memory[0] = memory[size - 1] = 1;
    sum += size;
  }
  return integer(sum);
}

}  // namespace

builtin memory_kind() {
  return {.name = "memory",
          .argument = "BYTES",
          .example = "64000000",
          .about = "reads and writes so much memory, 20 times over",
          .tasks = 2,
          .in = builtin::unit::bytes,
          .most = 8'000'000'000,
          .call = stream,
          .call_async = without_waiting<stream>};
}

builtin alloc_kind() {
  return {.name = "alloc",
          .argument = "N",
          .example = "1000000",
          .about = "allocates and frees N blocks of memory",
          .tasks = 2,
          .in = builtin::unit::count,
          .most = most_squares,
          .call = allocate,
          .call_async = without_waiting<allocate>};
}

}  // namespace workloads
