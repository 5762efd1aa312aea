// SPDX-License-Identifier: Apache-2.0
#include "lab/costs/hand_over.hpp"

#include <chrono>
#include <exception>
#include <fanout/event.hpp>
#include <fanout/event_loop.hpp>
#include <fanout/process_pool.hpp>
#include <fanout/thread_pool.hpp>
#include <functional>
#include <semaphore>
#include <thread>

#include "lab/costs/timing.hpp"
#include "lab/statistics.hpp"

namespace lab::costs {

namespace {

// Longer than any of them looks for work before it sleeps.
constexpr std::chrono::microseconds until_asleep{300};

measurement measure_trips(const effort& much, const std::function<void()>& trip) {
  measurement found;
  const unsigned count = much.operations(20);
  for (unsigned batch = 0; batch <= much.batches; ++batch) {
    std::vector<double> trips;
    for (unsigned i = 0; i < count; ++i) {
      std::this_thread::sleep_for(until_asleep);
      trips.push_back(seconds_of(trip));
    }
    if (batch > 0) found.values.push_back(median(std::move(trips)));
  }
  return found;
}

int answer() { return 1; }

fanout::task<> until(fanout::event& ended) { co_await ended.wait(); }

/// An event loop in a thread of its own, with nothing to do.
class idle_loop {
 public:
  idle_loop() = default;
  idle_loop(const idle_loop&) = delete;
  idle_loop& operator=(const idle_loop&) = delete;
  ~idle_loop() {
    ended_.set();
    thread_.join();
  }

  void trip() {
    loop_.post([this] { answered_.release(); });
    answered_.acquire();
  }

 private:
  fanout::event_loop loop_;
  fanout::event ended_;
  std::binary_semaphore answered_{0};
  std::thread thread_{[this] { loop_.run(until(ended_)); }};
};

}  // namespace

measurement measure_thread_pool_trip(const effort& much) {
  fanout::thread_pool pool(1);
  return measure_trips(much, [&] { pool.submit(answer).get(); });
}

measurement measure_process_pool_trip(const effort& much) {
  try {
    fanout::process_pool pool(1);
    return measure_trips(much, [&] { pool.submit(answer).get(); });
  } catch (const std::exception& error) {
    throw not_measurable(error.what());
  }
}

measurement measure_event_loop_trip(const effort& much) {
  idle_loop loop;
  return measure_trips(much, [&] { loop.trip(); });
}

}  // namespace lab::costs
