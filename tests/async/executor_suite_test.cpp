// SPDX-License-Identifier: Apache-2.0
// What every executor does, of event_loop.
#include "executor_suite.hpp"

#include <array>

#include "fanout/event_loop.hpp"

namespace fanout_test {
namespace {

struct loop {
  static constexpr std::array names{"event_loop", "event_loop_with_context"};
  static constexpr bool is_loop = true;
  static constexpr bool one_thread() { return true; }
  static fanout::event_loop make() { return fanout::event_loop(); }
  /// One variant has Asio's reactor instead of the bare one.
  static void prepare(fanout::event_loop& e) {
    if (variant_under_test(names) == 1) e.context();
  }
};
FANOUT_EXECUTOR_SUITE(loop);

}  // namespace
}  // namespace fanout_test
