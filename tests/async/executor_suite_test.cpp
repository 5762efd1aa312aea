// SPDX-License-Identifier: Apache-2.0
// What every executor does, of event_loop.
#include "executor_suite.hpp"

#include "fanout/event_loop.hpp"

namespace fanout_test {
namespace {

struct loop {
  static constexpr const char* name = "event_loop";
  static constexpr bool one_thread = true, is_loop = true;
  static fanout::event_loop make() { return fanout::event_loop(); }
};

/// With Asio's reactor instead of the bare one.
struct loop_with_context : loop {
  static constexpr const char* name = "event_loop_with_context";
  static void prepare(fanout::event_loop& e) { e.context(); }
};

FANOUT_EXECUTOR_SUITE(::testing::Types<loop, loop_with_context>);

}  // namespace
}  // namespace fanout_test
