// SPDX-License-Identifier: Apache-2.0
// A program that uses every awaitable is stopped before its first step, before its second, and so on, until it ends
// before it is stopped: every task must end, no frame may stay, and nothing may run after its awaiter has gone on. The
// same for a timeout around it that expires there, an error that is thrown there, and a run() that ends there.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <coroutine>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/loop_run.hpp"
#include "core/op_queue.hpp"
#include "core/timer_heap.hpp"
#include "fanout/as_completed.hpp"
#include "fanout/channel.hpp"
#include "fanout/detail/frame_pool.hpp"
#include "fanout/errors.hpp"
#include "fanout/event.hpp"
#include "fanout/gather.hpp"
#include "fanout/map.hpp"
#include "fanout/mutex.hpp"
#include "fanout/semaphore.hpp"
#include "fanout/serial_executor.hpp"
#include "fanout/sleep.hpp"
#include "fanout/spawn.hpp"
#include "fanout/task.hpp"
#include "fanout/task_group.hpp"
#include "fanout/timeout.hpp"
#include "promise.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::task;
using fanout::detail::map_state;
using fanout::detail::state_ptr;
using fanout_test::promise;

/// Runs ops one by one, the same every time. Its time is virtual: when nothing else is left to do, the earliest timer
/// is due. Deadlines come from the real clock, so only hours make a difference.
class stepping final : public fanout::scheduler {
 public:
  /// What has a deadline beyond this is due when the test says so: see expire_far().
  static constexpr fanout::duration far = 500h;

  void post(fanout::op& work) noexcept override { ready_.push(work); }
  void post_at(fanout::time_point deadline, fanout::timer_op& timer) override {
    timers_.insert(timer, deadline);
    if (deadline > std::chrono::steady_clock::now() + far) far_ = &timer;
  }
  void expedite(fanout::timer_op& timer) noexcept override {
    if (timer.heap_index == fanout::timer_op::not_queued) return;
    timers_.erase(timer);
    ready_.push(timer);
    if (far_ == &timer) far_ = nullptr;
  }

  /// Lets the one far timer be due now. False: it is not armed.
  bool expire_far() {
    if (far_ == nullptr) return false;
    expedite(*far_);
    return true;
  }

  bool idle() const noexcept { return ready_.empty() && timers_.empty(); }
  int steps() const noexcept { return steps_; }

  void step() {
    fanout::op* work = ready_.pop();
    if (work == nullptr) {
      if (timers_.empty()) {
        std::fputs("somebody waits, and nothing is left that could end it\n", stderr);
        std::abort();
      }
      auto& timer = timers_.earliest();
      timers_.erase(timer);
      if (far_ == &timer) far_ = nullptr;
      work = &timer;
    }
    ++steps_;
    work->run(*work);
  }

 private:
  fanout::detail::op_queue ready_;
  fanout::detail::timer_heap timers_;
  fanout::timer_op* far_ = nullptr;
  int steps_ = 0;
};

class injected : public std::runtime_error {
 public:
  injected() : std::runtime_error("injected") {}
};

/// One run of the program.
struct trial {
  stepping where;
  int throw_at = 0;  // the first coroutine that goes on at this step, or later, throws
  bool thrown = false;
  int begun = 0, ended = 0;  // guards

  void checkpoint() {
    if (throw_at == 0 || thrown || where.steps() < throw_at) return;
    thrown = true;
    throw injected();
  }
};

/// Those who must have ended when it goes out of scope: what is started between its braces is awaited there.
class crew {
 public:
  crew() = default;
  crew(const crew&) = delete;
  crew& operator=(const crew&) = delete;
  ~crew() { EXPECT_EQ(present, 0) << "still running after its awaiter has gone on"; }

  int present = 0;
};

/// In every coroutine, from its beginning to its end.
class guard {
 public:
  explicit guard(trial& t, crew* members = nullptr) : trial_(t), crew_(members) {
    ++trial_.begun;
    if (crew_ != nullptr) ++crew_->present;
  }
  guard(const guard&) = delete;
  guard& operator=(const guard&) = delete;
  ~guard() {
    EXPECT_FALSE(std::exchange(over_, true)) << "a frame was destroyed twice";
    ++trial_.ended;
    if (crew_ != nullptr) --crew_->present;
  }

 private:
  trial& trial_;
  crew* const crew_;
  bool over_ = false;
};

// What the parts of the program start.

task<int> one(trial& t, crew* members, fanout::duration time = 1h) {
  const guard here(t, members);
  co_await fanout::yield();
  t.checkpoint();
  co_await fanout::sleep(time);
  t.checkpoint();
  co_return 1;
}

task<> nothing(trial& t, crew* members) {
  const guard here(t, members);
  co_await fanout::sleep(1h);
  t.checkpoint();
}

task<int> fails(trial& t, crew* members) {
  const guard here(t, members);
  co_await fanout::sleep(1h);
  t.checkpoint();
  throw std::domain_error("as intended");
}

task<int> nested(trial& t, crew* members, int depth) {
  const guard here(t, members);
  if (depth == 0) {
    co_await fanout::sleep_until(std::chrono::steady_clock::now() + 1h);
    t.checkpoint();
    co_return 1;
  }
  const int value = co_await nested(t, members, depth - 1);
  co_await fanout::yield();
  t.checkpoint();
  co_return value;
}

/// Does not let itself be stopped, but must notice.
task<int> stubborn(trial& t, crew* members) {
  const guard here(t, members);
  const fanout::stop_token token = co_await fanout::this_task::get_stop_token();
  for (int attempt = 0; attempt < 3; ++attempt) {
    try {
      co_await fanout::sleep(1h);
    } catch (const fanout::cancelled&) {
      EXPECT_TRUE(token.stop_requested());
    }
  }
  co_return 1;
}

// The parts of the program. Each comes to 1.

task<int> awaits_tasks(trial& t) {
  const guard here(t);
  crew members;
  co_return co_await nested(t, &members, 5);
}

task<int> gathers_a_few(trial& t) {
  const guard here(t);
  crew members;
  auto [a, b, none, c] = co_await fanout::gather(one(t, &members, 2h), nested(t, &members, 2), nothing(t, &members),
                                                 stubborn(t, &members));
  t.checkpoint();
  co_return a + b + c - 2;
}

task<int> gathers_many(trial& t) {
  const guard here(t);
  crew members;
  std::vector<task<int>> tasks;
  for (int i = 1; i <= 4; ++i) tasks.push_back(one(t, &members, i * 1h));
  const std::vector<int> values = co_await fanout::gather(std::move(tasks));
  t.checkpoint();
  std::vector<task<>> more;
  for (int i = 0; i < 3; ++i) more.push_back(nothing(t, &members));
  co_await fanout::gather(std::move(more));
  co_return static_cast<int>(values.size()) - 3;
}

task<int> gathers_gathers(trial& t) {
  const guard here(t);
  crew members;
  auto [pair, single] =
      co_await fanout::gather(fanout::gather(one(t, &members, 3h), one(t, &members)), one(t, &members, 2h));
  co_return get<0>(pair) + get<1>(pair) + single - 2;
}

task<int> gathers_what_fails(trial& t) {
  const guard here(t);
  crew members;
  try {
    co_await fanout::gather(one(t, &members, 5h), fails(t, &members), stubborn(t, &members));
  } catch (const std::domain_error&) {
    EXPECT_EQ(members.present, 0);
    co_return 1;
  }
  co_return 0;
}

bool failed_as_intended(const fanout::result<int>& outcome) {
  if (outcome.has_value()) return false;
  try {
    std::rethrow_exception(outcome.error());
  } catch (const std::domain_error&) {
    return true;
  } catch (...) {
    return false;
  }
}

task<int> gathers_outcomes(trial& t) {
  const guard here(t);
  crew members;
  auto [good, bad] = co_await fanout::gather(fanout::return_exceptions, one(t, &members), fails(t, &members));
  EXPECT_EQ(members.present, 0);
  t.checkpoint();
  int sum = failed_as_intended(bad) ? good.value_or(0) : 0;
  std::vector<task<int>> tasks;
  tasks.push_back(fails(t, &members));
  tasks.push_back(one(t, &members));
  const auto outcomes = co_await fanout::gather(fanout::return_exceptions, std::move(tasks));
  if (failed_as_intended(outcomes[0])) sum += outcomes[1].value_or(0);
  co_await fanout::yield();  // if it was stopped, here it says so
  co_return sum - 1;
}

task<int> keeps_its_time(trial& t) {
  const guard here(t);
  crew members;
  co_return co_await fanout::timeout(10h, one(t, &members));
}

task<int> times_out(trial& t) {
  const guard here(t);
  crew members;
  try {
    co_await fanout::timeout(1h, one(t, &members, 10h));
  } catch (const fanout::timed_out&) {
    EXPECT_EQ(members.present, 0);
  }
  t.checkpoint();
  const int late = co_await fanout::timeout(2h, stubborn(t, &members));  // a value is a value, however late
  try {
    co_await fanout::timeout(-1h, fanout::timeout(20h, nested(t, &members, 3)));
  } catch (const fanout::timed_out&) {
    co_return late;
  }
  co_return 0;
}

task<int> spawns_in_a_group(trial& t) {
  const guard here(t);
  crew members;
  const int value = co_await fanout::with_task_group([&t, &members](fanout::task_group& g) -> task<int> {
    const guard body(t, &members);
    static_cast<void>(g.spawn(one(t, &members, 6h)));
    auto awaited = g.spawn(one(t, &members, 2h));
    auto cancelled = g.spawn(nothing(t, &members));
    const auto spawns_more = [](trial& u, crew& c, fanout::task_group& group) -> task<> {
      const guard more(u, &c);
      co_await fanout::yield();
      u.checkpoint();
      static_cast<void>(group.spawn(one(u, &c, 8h)));
    };
    static_cast<void>(g.spawn(spawns_more(t, members, g)));
    co_await fanout::yield();
    t.checkpoint();
    cancelled.cancel();
    co_return co_await std::move(awaited);
  });
  EXPECT_EQ(members.present, 0);
  co_return value;
}

task<int> a_group_fails(trial& t) {
  const guard here(t);
  crew members;
  try {
    co_await fanout::with_task_group([&t, &members](fanout::task_group& g) -> task<> {
      const guard body(t, &members);
      static_cast<void>(g.spawn(one(t, &members, 9h)));
      static_cast<void>(g.spawn(fails(t, &members)));
      co_await fanout::sleep(9h);
    });
  } catch (const std::domain_error&) {
    EXPECT_EQ(members.present, 0);
    co_return 1;
  }
  co_return 0;
}

// What spawn starts goes on when its future is dropped, so that it belongs to no crew: the trial counts it.
task<int> spawns(trial& t) {
  const guard here(t);
  fanout::future<int> first = fanout::spawn(one(t, nullptr, 2h));
  fanout::future<int> second = fanout::spawn(one(t, nullptr));
  fanout::future<void> dropped = fanout::spawn(nothing(t, nullptr));
  fanout::future<int> asked_to_stop = fanout::spawn(stubborn(t, nullptr));
  co_await fanout::yield();
  t.checkpoint();
  asked_to_stop.cancel();
  dropped = {};
  const int sum = co_await std::move(first) + co_await std::move(second) + co_await std::move(asked_to_stop);
  t.checkpoint();
  co_return sum - 2;
}

task<int> takes_tasks_as_completed(trial& t) {
  const guard here(t);
  std::vector<task<int>> tasks;
  tasks.push_back(one(t, nullptr, 3h));
  tasks.push_back(fails(t, nullptr));
  tasks.push_back(one(t, nullptr, 2h));
  auto done = fanout::as_completed(std::move(tasks));
  int sum = 0, errors = 0;
  for (;;) {
    try {
      const std::optional<int> next = co_await done.next();
      t.checkpoint();
      if (!next) break;
      sum += *next;
    } catch (const std::domain_error&) {
      ++errors;
    }
  }
  co_return sum - errors;
}

task<int> gives_up_tasks(trial& t) {
  const guard here(t);
  std::vector<task<int>> tasks;
  for (int i = 1; i <= 3; ++i) tasks.push_back(one(t, nullptr, i * 1h));
  auto done = fanout::as_completed(std::move(tasks));
  co_return (co_await done.next()).value();
}

task<int> takes_futures_as_completed(trial& t) {
  const guard here(t);
  promise<int> by_hand, never;
  std::vector<fanout::future<int>> futures;
  futures.push_back(by_hand.get_future());
  futures.push_back(fanout::spawn(one(t, nullptr, 2h)));
  futures.push_back(fanout::spawn(one(t, nullptr, 1h)));
  futures.push_back(never.get_future());
  auto range = fanout::as_completed(std::move(futures));
  int sum = 0;
  for (int i = 0; i < 3; ++i) {
    auto next = co_await range.next();
    sum += next->get();
    if (i == 0) by_hand.set(1);
    t.checkpoint();
  }
  co_return sum - 2;
}

task<int> awaits_what_another_fulfils(trial& t) {
  const guard here(t);
  crew members;
  promise<int> value, error;
  const auto awaits = [](trial& u, crew& c, fanout::future<int> f) -> task<int> {
    const guard inner(u, &c);
    const int result = co_await std::move(f);
    u.checkpoint();
    co_return result;
  };
  const auto fulfils = [](trial& u, crew& c, promise<int>& p) -> task<> {
    const guard inner(u, &c);
    co_await fanout::sleep(1h);
    u.checkpoint();
    p.set(1);
    co_await fanout::sleep(1h);
  };
  auto [result, none] = co_await fanout::gather(awaits(t, members, value.get_future()), fulfils(t, members, value));
  t.checkpoint();
  error.fail();
  try {
    co_await error.get_future();
  } catch (const std::runtime_error&) {
  }
  co_return result;
}

task<int> maps(trial& t) {
  const guard here(t);
  crew members;
  fanout::serial_executor pool;
  std::vector<int> values = co_await pool.map([](int x) { return x * x; }, {1, 2, 3});
  t.checkpoint();
  // And one that is not there at once.
  const state_ptr by_hand(new map_state<int>(2));
  const auto awaits = [](trial& u, crew& c, fanout::mapped<int> m) -> task<int> {
    const guard inner(u, &c);
    const std::vector<int> results = co_await std::move(m);
    u.checkpoint();
    co_return results[0] + results[1];
  };
  const auto publishes = [](trial& u, crew& c, state_ptr<map_state<int>> m) -> task<> {
    const guard inner(u, &c);
    m->publish(1, 1);
    co_await fanout::sleep(1h);
    u.checkpoint();
    m->publish(0, 2);
  };
  auto [sum, none] =
      co_await fanout::gather(awaits(t, members, fanout::mapped<int>(by_hand)), publishes(t, members, by_hand));
  co_return values[2] - sum - 5;
}

task<int> asks_for_its_token(trial& t) {
  const guard here(t);
  const fanout::stop_token token = co_await fanout::this_task::get_stop_token();
  int asked = 0;
  const fanout::stop_callback on_stop(token, [&asked] { ++asked; });
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(asked, token.stop_requested() ? 1 : 0);
    co_await fanout::yield();
    t.checkpoint();
  }
  co_return 1;
}

// event, mutex, semaphore and channel: some wait for others, and none for ever.

task<int> waits_for_an_event(trial& t) {
  const guard here(t);
  crew members;
  fanout::event happened;
  const auto waits = [](trial& u, crew& c, fanout::event& e) -> task<int> {
    const guard inner(u, &c);
    co_await e.wait();
    u.checkpoint();
    co_return 1;
  };
  const auto sets = [](trial& u, crew& c, fanout::event& e) -> task<> {
    const guard inner(u, &c);
    co_await fanout::sleep(1h);
    u.checkpoint();
    e.set();
  };
  auto [a, b, none] =
      co_await fanout::gather(waits(t, members, happened), waits(t, members, happened), sets(t, members, happened));
  co_return a + b - 1;
}

task<int> locks(trial& t) {
  const guard here(t);
  crew members;
  fanout::mutex only_one;
  fanout::semaphore two(2);
  int inside = 0;
  const auto enters = [](trial& u, crew& c, fanout::mutex& m, fanout::semaphore& s, int& within) -> task<int> {
    const guard inner(u, &c);
    const auto permit = co_await s.acquire();
    u.checkpoint();
    const auto held = co_await m.lock();
    EXPECT_EQ(++within, 1);
    const std::unique_ptr<int, void (*)(int*)> leave(&within, [](int* w) { --*w; });
    co_await fanout::sleep(1h);
    u.checkpoint();
    co_return 1;
  };
  std::vector<task<int>> tasks;
  for (int i = 0; i < 4; ++i) tasks.push_back(enters(t, members, only_one, two, inside));
  const auto all = co_await fanout::gather(fanout::return_exceptions, std::move(tasks));
  EXPECT_EQ(two.available(), 2U) << "a permit was lost";
  EXPECT_TRUE(only_one.try_lock().has_value()) << "the lock was lost";
  int entered = 0;
  for (const auto& outcome : all) entered += outcome.value_or(0);
  co_await fanout::yield();  // if it was stopped, here it says so
  co_return entered - 3;
}

/// Whoever leaves closes: the other does not wait for ever.
using closing = std::unique_ptr<fanout::channel<int>, decltype([](fanout::channel<int>* c) { c->close(); })>;

task<int> sends_and_receives(trial& t) {
  const guard here(t);
  crew members;
  fanout::channel<int> values(1);
  int sent = 0, received = 0;
  const auto sends = [](trial& u, crew& c, fanout::channel<int>& to, int& count) -> task<> {
    const guard inner(u, &c);
    const closing at_last(&to);
    for (int i = 0; i < 4; ++i) {
      co_await to.send(i);
      ++count;
      u.checkpoint();
    }
  };
  const auto receives = [](trial& u, crew& c, fanout::channel<int>& from, int& count) -> task<int> {
    const guard inner(u, &c);
    const closing at_last(&from);
    int sum = 0;
    while (const std::optional<int> next = co_await from.receive()) {
      ++count;
      sum += *next;
      co_await fanout::sleep(1h);
      u.checkpoint();
    }
    co_return sum;
  };
  auto [none, sum] = co_await fanout::gather(fanout::return_exceptions, sends(t, members, values, sent),
                                             receives(t, members, values, received));
  while (values.try_receive()) ++received;
  EXPECT_EQ(sent, received) << "a value was lost";
  co_await fanout::yield();
  co_return sum.value_or(0) - 5;
}

/// What is not fanout's knows nothing of stopping, and resumes where it likes.
task<int> awaits_what_is_not_ours(trial& t) {
  struct foreign {
    std::coroutine_handle<>& parked;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> h) { parked = h; }
    int await_resume() const { return 1; }
  };
  const guard here(t);
  crew members;
  std::coroutine_handle<> parked;
  const auto awaits = [](trial& u, crew& c, std::coroutine_handle<>& p) -> task<int> {
    const guard inner(u, &c);
    const int result = co_await foreign{p};
    u.checkpoint();
    co_await fanout::yield();
    co_return result;
  };
  const auto resumes = [](trial& u, crew& c, std::coroutine_handle<>& p) -> task<> {
    const guard inner(u, &c);
    const std::unique_ptr<void, void (*)(void*)> at_last(
        &p, [](void* h) { static_cast<std::coroutine_handle<>*>(h)->resume(); });
    co_await fanout::sleep(1h);
    u.checkpoint();
  };
  auto [result, none] = co_await fanout::gather(awaits(t, members, parked), resumes(t, members, parked));
  co_return result;
}

/// Every awaitable is in one of these; a new one gets a part of its own.
constexpr std::array parts = {
    &awaits_tasks,
    &gathers_a_few,
    &gathers_many,
    &gathers_gathers,
    &gathers_what_fails,
    &gathers_outcomes,
    &keeps_its_time,
    &times_out,
    &spawns_in_a_group,
    &a_group_fails,
    &spawns,
    &takes_tasks_as_completed,
    &gives_up_tasks,
    &takes_futures_as_completed,
    &awaits_what_another_fulfils,
    &maps,
    &asks_for_its_token,
    &waits_for_an_event,
    &locks,
    &sends_and_receives,
    &awaits_what_is_not_ours,
};

/// All of them one after another, and all at the same time: 2 for each.
task<int> program(trial& t) {
  const guard here(t);
  int sum = 0;
  for (const auto part : parts) sum += co_await part(t);
  std::vector<task<int>> all;
  for (const auto part : parts) all.push_back(part(t));
  for (const int value : co_await fanout::gather(std::move(all))) sum += value;
  co_return sum;
}

constexpr int complete = 2 * static_cast<int>(parts.size());

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

/// A coroutine that fanout does not run: what it awaits is resumed by whoever ends or stops it, there and then.
struct stranger {
  struct promise_type {
    stranger get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

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
  const auto main = [&]() -> stranger {
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
