// SPDX-License-Identifier: Apache-2.0
// What the tests of event, mutex, semaphore and channel have in common.
#pragma once

#include <chrono>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "detached.hpp"
#include "fanout/errors.hpp"
#include "fanout/gather.hpp"
#include "fanout/sleep.hpp"
#include "fanout/task.hpp"
#include "fanout/timeout.hpp"

namespace fanout_test {

/// Does what it does in turns of an executor with one thread: everybody else who can go on has, after a yield.
inline fanout::task<> others_run() { co_await fanout::yield(); }

struct on_purpose : std::runtime_error {
  on_purpose() : std::runtime_error("on purpose") {}
};

/// Stops, by gather's first error, `waits`, which has begun to wait by then.
inline fanout::task<> stopped_by_an_error(fanout::task<> waits) {
  auto fails = []() -> fanout::task<> {
    co_await others_run();
    throw on_purpose();
  };
  try {
    co_await fanout::gather(std::move(waits), fails());
  } catch (const on_purpose&) {
  }
}

/// Runs `body` and stops it at its first wait.
inline fanout::task<> stopped_at_once(fanout::task<> body) {
  try {
    co_await fanout::timeout(std::chrono::seconds(0), std::move(body));
  } catch (const fanout::timed_out&) {
  }
}

/// Runs `body` and stops it soon, at some time or other, so that stopping races with whatever happens.
inline fanout::task<> stopped_sometime(unsigned seed, fanout::task<> body) {
  std::minstd_rand random(seed + 1);
  const auto time = std::chrono::microseconds(std::uniform_int_distribution<int>(0, 200)(random));
  try {
    co_await fanout::timeout(time, std::move(body));
  } catch (const fanout::timed_out&) {
  }
}

}  // namespace fanout_test
