// SPDX-License-Identifier: Apache-2.0
// A program that uses every awaitable is stopped before its first step, before its second, and so on, until it ends
// before it is stopped: every task must end, no frame may stay, and nothing may run after its awaiter has gone on. The
// same for a timeout around it that expires there, an error that is thrown there, and a run() that ends there.
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include "cancellation/program.hpp"
#include "cancellation/stepping.hpp"
#include "core/loop_run.hpp"
#include "detached.hpp"
#include "fanout/detail/frame_pool.hpp"
#include "fanout/gather.hpp"
#include "fanout/sleep.hpp"
#include "fanout/spawn.hpp"
#include "fanout/timeout.hpp"
#include "promise.hpp"

namespace fanout_test {
namespace {

/// Spawns `main` and runs it. `before` is called before each step, with its number and the future; if it returns false
/// the run ends there. Afterwards nothing may be left, and the future, which is given back, is ready.
template <class T>
fanout::future<T> run(trial& t, task<T> main, const std::function<bool(int, fanout::future<T>&)>& before) {
  fanout::future<T> f;
  {
    fanout::detail::loop_run run(t.where);
    f = fanout::spawn(std::move(main));
    while (!f.ready() && before(t.where.steps() + 1, f)) t.where.step();
    run.stop_what_is_left();
    while (!run.nothing_left()) t.where.step();
  }
  EXPECT_TRUE(f.ready());
  EXPECT_TRUE(t.where.idle()) << "an op or a timer is left, and would run after everything has ended";
  EXPECT_TRUE(t.elsewhere.empty()) << "a coroutine has not come home";
  EXPECT_EQ(t.begun, t.ended);
  return f;
}

/// Calls `attempt` with 1, 2, …, until it says that the program ended before the step of that number.
void for_every_step(const std::function<bool(int k)>& attempt) {
  int k = 0;
  bool reached = true;
  while (reached) {
    const auto frames = fanout::detail::live_frames();
    reached = attempt(++k);
    ASSERT_EQ(fanout::detail::live_frames(), frames) << "frames stay alive after step " << k;
    ASSERT_FALSE(testing::Test::HasFailure()) << "at step " << k;
  }
  EXPECT_GT(k, 100);
}

TEST(Cancellation, AtEveryStepEndsEveryTask) {
  for_every_step([](int k) {
    trial t;
    bool asked = false;
    auto f = run<int>(t, program(t), [&](int step, fanout::future<int>& main) {
      if (step == k) asked = main.cancel();
      return true;
    });
    try {
      EXPECT_EQ(f.get(), complete);
      EXPECT_FALSE(asked) << "swallowed";
    } catch (const fanout::cancelled&) {
      EXPECT_TRUE(asked);
    }
    return asked;
  });
}

TEST(Cancellation, ByATimeoutAtEveryStepEndsWhatIsInsideAndNothingElse) {
  for_every_step([](int k) {
    trial t;
    bool expired = false;
    const auto bounded = [](trial& u) -> task<int> {
      const guard here(u);
      const auto beside = [](trial& v) -> task<int> {
        const guard inner(v);
        co_await fanout::sleep(400h);
        co_return 1;
      };
      const auto inside = [](trial& v) -> task<int> {
        const guard inner(v);
        try {
          co_return co_await fanout::timeout(2 * stepping::far, program(v));
        } catch (const fanout::timed_out&) {
        }
        co_await fanout::sleep(1h);  // which nobody has asked to stop
        co_return -1;
      };
      auto [other, value] = co_await fanout::gather(beside(u), inside(u));
      co_return value + other;
    };
    auto f = run<int>(t, bounded(t), [&](int step, fanout::future<int>&) {
      if (step == k) expired = t.where.expire_far();
      return true;
    });
    EXPECT_EQ(f.get(), expired ? 0 : complete + 1);
    return expired || k < 10;  // the first steps are before the timeout is armed
  });
}

TEST(Cancellation, ByAnErrorAtEveryStepEndsEveryTask) {
  for_every_step([](int k) {
    testing::internal::CaptureStderr();  // some of the tasks that are hit are detached
    trial t;
    t.throw_at = k;
    auto f = run<int>(t, program(t), [](int, fanout::future<int>&) { return true; });
    try {
      EXPECT_TRUE(f.get() == complete || t.thrown);
    } catch (const injected&) {
      EXPECT_TRUE(t.thrown);
    }
    f = {};
    testing::internal::GetCapturedStderr();
    return t.thrown;
  });
}

TEST(Cancellation, ByTheEndOfRunAtEveryStepEndsEveryTask) {
  for_every_step([](int k) {
    trial t;
    bool reached = false;
    auto f = run<int>(t, program(t), [&](int step, fanout::future<int>&) {
      reached = step == k;
      return !reached;
    });
    EXPECT_TRUE(reached || f.get() == complete);
    return reached;
  });
}

TEST(Cancellation, OfWhatAStrangerGathersMayEndItAtOnce) {
  // Whole subtrees go while the request to stop is still walking through them.
  promise<int> first, never, too;
  const auto frames = fanout::detail::live_frames();
  const auto awaits = [](fanout::future<int> f) -> task<int> { co_return co_await std::move(f); };
  const auto gathers = [&awaits](fanout::future<int> a, fanout::future<int> b) -> task<int> {
    auto [x, y] = co_await fanout::gather(awaits(std::move(a)), awaits(std::move(b)));
    co_return x + y;
  };
  const auto gathers_below = [&gathers](fanout::future<int> a, fanout::future<int> b) -> task<int> {
    auto [x] = co_await fanout::gather(gathers(std::move(a), std::move(b)));
    co_return x;
  };
  bool ended = false;
  const auto main = [&]() -> detached {
    try {
      co_await fanout::gather(awaits(first.get_future()), gathers_below(never.get_future(), too.get_future()));
    } catch (const std::runtime_error&) {
      ended = true;
    }
  };
  main();
  EXPECT_FALSE(ended);
  first.fail();
  EXPECT_TRUE(ended);
  never.set(1);  // nobody waits for it any more
  too.set(1);
  EXPECT_EQ(fanout::detail::live_frames(), frames);
}

}  // namespace
}  // namespace fanout_test
