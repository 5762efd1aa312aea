// SPDX-License-Identifier: Apache-2.0
// The product of two matrices of 1024 × 1024 doubles, by quarters, and quarters of those: four products at a time, then
// the four that are added to them; 32,768 small ones at the bottom, in the same code for all. What is measured is how
// much of the two CPUs they get.
#include <benchmark/benchmark.h>
#include <oneapi/tbb/task_group.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "fanout/fanout.hpp"
#include "measures.hpp"
#include "tbb_pool.hpp"

namespace {

constexpr std::size_t width = 1024, small = 32;

/// c += a b, all of them squares within matrices of that width.
struct product {
  const double* a;
  const double* b;
  double* c;
  std::size_t size;

  /// The quarter in row `i` and column `j`, of which the half `k` of a sum.
  product part(std::size_t i, std::size_t j, std::size_t k) const {
    const std::size_t half = size / 2;
    return {a + (i * width + k) * half, b + (k * width + j) * half, c + (i * width + j) * half, half};
  }
};

[[gnu::noinline]] void multiply_small(const product& p) {
  for (std::size_t i = 0; i < small; ++i) {
    std::array<double, small> row;  // which nobody else can see: it stays in registers
    std::copy_n(p.c + i * width, small, row.begin());
    for (std::size_t k = 0; k < small; ++k) {
      const double x = p.a[i * width + k];
      for (std::size_t j = 0; j < small; ++j) row[j] += x * p.b[k * width + j];
    }
    std::ranges::copy(row, p.c + i * width);
  }
}

class matrices {
 public:
  matrices() {
    for (std::size_t i = 0; i < width; ++i) {
      for (std::size_t j = 0; j < width; ++j) {
        a_[i * width + j] = static_cast<double>(i + j);
        b_[i * width + j] = i == j ? 2 : 0;  // twice the identity: c becomes 2 a more each time
      }
    }
  }

  product next() {
    ++times_;
    return {a_.data(), b_.data(), c_.data(), width};
  }
  void check(benchmark::State& state) const {
    for (std::size_t i = 0; i < c_.size(); ++i) {
      if (c_[i] != 2 * times_ * a_[i]) return state.SkipWithError("wrong result");
    }
  }

 private:
  std::vector<double> a_ = std::vector<double>(width * width), b_ = a_, c_ = a_;
  double times_ = 0;
};

template <class Run>
void measure(benchmark::State& state, Run run) {
  matrices all;
  run(all.next());
  for (auto _ : state) run(all.next());
  all.check(state);
}

fanout::task<> multiply(product p) {
  if (p.size == small) {
    multiply_small(p);
    co_return;
  }
  for (const std::size_t k : {0U, 1U}) {
    co_await fanout::gather(multiply(p.part(0, 0, k)), multiply(p.part(0, 1, k)), multiply(p.part(1, 0, k)),
                            multiply(p.part(1, 1, k)));
  }
}
void matmul_fanout(benchmark::State& state) {
  fanout::thread_pool pool(workers);
  measure(state, [&](const product& p) { pool.run(multiply(p)); });
}

void multiply_tbb(const product& p) {
  if (p.size == small) return multiply_small(p);
  for (const std::size_t k : {0U, 1U}) {
    tbb::task_group group;
    group.run([&] { multiply_tbb(p.part(0, 0, k)); });
    group.run([&] { multiply_tbb(p.part(0, 1, k)); });
    group.run([&] { multiply_tbb(p.part(1, 0, k)); });
    multiply_tbb(p.part(1, 1, k));
    group.wait();
  }
}
void matmul_tbb(benchmark::State& state) {
  tbb_pool pool;
  measure(state, [&](const product& p) { pool.run([&p] { multiply_tbb(p); }); });
}
void matmul_in_turns(benchmark::State& state) {
  fanout::thread_pool pool(workers);
  tbb_pool tbb;
  matrices all;
  in_turns(
      state, [&] { return microseconds([&] { pool.run(multiply(all.next())); }); },
      [&] { return microseconds([&] { tbb.run([p = all.next()] { multiply_tbb(p); }); }); });
  all.check(state);
}
BENCHMARK(matmul_in_turns)->Iterations(11)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(matmul_fanout)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(matmul_tbb)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
