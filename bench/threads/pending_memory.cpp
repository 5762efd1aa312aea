// SPDX-License-Identifier: Apache-2.0
// `pending_memory LIBRARY [N]`: the memory of N tasks, a million by default, that a pool has been given and cannot
// begin yet. compare runs it for them all.
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <latch>
#include <type_traits>
#include <vector>

#include "fanout/fanout.hpp"
#include "fresh_process.hpp"
#include "tbb_pool.hpp"

namespace {

namespace asio = boost::asio;

/// The task: as little as there can be, with a result.
constexpr auto task = [] { return 1; };

/// `submit(f)` gives f to the pool. The vector of the futures is the user's, and is counted apart from what lies
/// behind.
template <class Submit>
void measure(const char* library, std::size_t n, Submit submit) {
  using future = decltype(submit(task));
  std::latch blocked(workers), open(1);
  std::vector<decltype(submit([] {}))> gates;
  for (unsigned i = 0; i < workers; ++i) {
    gates.push_back(submit([&] {
      blocked.count_down();
      open.wait();
    }));
  }
  blocked.wait();
  std::vector<future> futures;
  futures.reserve(n);
  const double before = resident();
  for (std::size_t i = 0; i < n; ++i) futures.push_back(submit(task));
  const double bytes = (resident() - before) / static_cast<double>(n);
  open.count_down();
  std::size_t sum = 0;
  for (auto& f : futures) sum += static_cast<std::size_t>(f.get());
  for (auto& gate : gates) gate.get();
  if (sum != n) std::exit(1);
  std::printf(R"({"library": "%s", "n": %zu, "bytes_per_task": %.1f, "bytes_per_future": %zu})"
              "\n",
              library, n, bytes - sizeof(future), sizeof(future));
}

void with_fanout(std::size_t n) {
  fanout::thread_pool pool(workers);
  measure("fanout", n, [&](auto f) { return pool.submit(f); });
}
void with_tbb(std::size_t n) {
  tbb_pool pool;
  measure("tbb", n, [&](auto f) { return pool.submit(f); });
}
void with_asio(std::size_t n) {
  asio::thread_pool pool(workers);
  measure("asio", n, [&](auto f) { return asio::post(pool, asio::use_future(f)); });
}

constexpr measured_alone libraries[] = {{"fanout", with_fanout}, {"tbb", with_tbb}, {"asio", with_asio}};

}  // namespace

int main(int argc, char** argv) { return measure_one_of(libraries, argc, argv); }
