// SPDX-License-Identifier: Apache-2.0
// A program that uses every awaitable.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "cancellation/stepping.hpp"
#include "fanout/as_completed.hpp"
#include "fanout/channel.hpp"
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

namespace fanout_test {

using fanout::task;
using fanout::detail::state_ptr;
using fanout::detail::whole_map;

// What the parts of the program start.

inline task<int> one(trial& t, crew* members, fanout::duration time = 1h) {
  const guard here(t, members);
  co_await fanout::yield();
  t.checkpoint();
  co_await fanout::sleep(time);
  t.checkpoint();
  co_return 1;
}

inline task<> nothing(trial& t, crew* members) {
  const guard here(t, members);
  co_await fanout::sleep(1h);
  t.checkpoint();
}

inline task<int> fails(trial& t, crew* members) {
  const guard here(t, members);
  co_await fanout::sleep(1h);
  t.checkpoint();
  throw std::domain_error("as intended");
}

inline task<int> nested(trial& t, crew* members, int depth) {
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
inline task<int> stubborn(trial& t, crew* members) {
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

inline task<int> awaits_tasks(trial& t) {
  const guard here(t);
  crew members;
  co_return co_await nested(t, &members, 5);
}

inline task<int> gathers_a_few(trial& t) {
  const guard here(t);
  crew members;
  auto [a, b, none, c] = co_await fanout::gather(one(t, &members, 2h), nested(t, &members, 2), nothing(t, &members),
                                                 stubborn(t, &members));
  t.checkpoint();
  co_return a + b + c - 2;
}

inline task<int> gathers_many(trial& t) {
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

inline task<int> gathers_gathers(trial& t) {
  const guard here(t);
  crew members;
  auto [pair, single] =
      co_await fanout::gather(fanout::gather(one(t, &members, 3h), one(t, &members)), one(t, &members, 2h));
  co_return get<0>(pair) + get<1>(pair) + single - 2;
}

inline task<int> gathers_what_fails(trial& t) {
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

inline bool failed_as_intended(const fanout::result<int>& outcome) {
  if (outcome.has_value()) return false;
  try {
    std::rethrow_exception(outcome.error());
  } catch (const std::domain_error&) {
    return true;
  } catch (...) {
    return false;
  }
}

inline task<int> gathers_outcomes(trial& t) {
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

inline task<int> keeps_its_time(trial& t) {
  const guard here(t);
  crew members;
  co_return co_await fanout::timeout(10h, one(t, &members));
}

inline task<int> times_out(trial& t) {
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

inline task<int> spawns_in_a_group(trial& t) {
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

inline task<int> a_group_fails(trial& t) {
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
inline task<int> spawns(trial& t) {
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

inline task<int> takes_tasks_as_completed(trial& t) {
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

inline task<int> gives_up_tasks(trial& t) {
  const guard here(t);
  std::vector<task<int>> tasks;
  for (int i = 1; i <= 3; ++i) tasks.push_back(one(t, nullptr, i * 1h));
  auto done = fanout::as_completed(std::move(tasks));
  co_return (co_await done.next()).value();
}

inline task<int> takes_futures_as_completed(trial& t) {
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

inline task<int> awaits_what_another_fulfils(trial& t) {
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

inline task<int> maps(trial& t) {
  const guard here(t);
  crew members;
  fanout::serial_executor pool;
  std::vector<int> values = co_await pool.map([](int x) { return x * x; }, {1, 2, 3});
  t.checkpoint();
  // And one that is not there at once.
  const state_ptr by_hand(new whole_map<int>(2, true));
  const auto awaits = [](trial& u, crew& c, fanout::mapped<int> m) -> task<int> {
    const guard inner(u, &c);
    const std::vector<int> results = co_await std::move(m);
    u.checkpoint();
    co_return results[0] + results[1];
  };
  const auto publishes = [](trial& u, crew& c, state_ptr<whole_map<int>> m) -> task<> {
    const guard inner(u, &c);
    publish(*m, 1, 1);
    co_await fanout::sleep(1h);
    u.checkpoint();
    publish(*m, 0, 2);
  };
  auto [sum, none] = co_await fanout::gather(awaits(t, members, fanout::mapped<int>(state_ptr(by_hand))),
                                             publishes(t, members, by_hand));
  co_return values[2] - sum - 5;
}

/// One by one, in the order of the inputs and in that of their ends; and such as are run when they are asked for.
inline task<int> takes_mapped_results(trial& t) {
  const guard here(t);
  crew members;
  const auto takes = [](trial& u, crew& c, fanout::mapped<int> m) -> task<int> {
    const guard inner(u, &c);
    auto items = m.results();
    int sum = 0;
    while (const auto item = co_await items.next()) {
      sum = 10 * sum + item->value_or(0);
      u.checkpoint();
    }
    co_return sum;
  };
  const auto publishes = [](trial& u, crew& c, state_ptr<whole_map<int>> m) -> task<> {
    const guard inner(u, &c);
    for (const std::size_t which : {1U, 0U, 2U}) {
      publish(*m, which, static_cast<int>(which));
      co_await fanout::sleep(1h);
      u.checkpoint();
    }
  };
  int sum = 0;
  for (const bool ordered : {true, false}) {
    const state_ptr by_hand(new whole_map<int>(3, ordered));
    auto [taken, none] = co_await fanout::gather(takes(t, members, fanout::mapped<int>(state_ptr(by_hand))),
                                                 publishes(t, members, by_hand));
    sum += taken;
  }
  fanout::serial_executor pool;
  sum += co_await takes(t, members, pool.map([](int x) { return x; }, {3, 4}, {.window = 1}));
  co_return sum == 12 + 102 + 34 ? 1 : 0;
}

/// What it awaits after it has moved is there, too; those who await it go on where they were.
inline task<int> moves(trial& t, crew* members, fanout::duration time) {
  const guard here(t, members);
  co_await t.elsewhere.schedule();
  EXPECT_EQ((co_await fanout::detail::environment_awaiter{}).where, &t.elsewhere);
  t.checkpoint();
  const int value = co_await one(t, members, time);
  t.checkpoint();
  co_await t.elsewhere.schedule();  // it is there
  t.checkpoint();
  co_return value;
}

inline task<int> awaits_who_moves(trial& t) {
  const guard here(t);
  crew members;
  const int alone = co_await moves(t, &members, 1h);
  t.checkpoint();
  auto [a, b] = co_await fanout::gather(moves(t, &members, 3h), moves(t, &members, 2h));
  const int timed = co_await fanout::timeout(10h, moves(t, &members, 1h));
  const int spawned = co_await fanout::spawn(moves(t, nullptr, 1h));
  co_return alone + a + b + timed + spawned - 4;
}

inline task<int> cannot_move(trial& t) {
  const guard here(t);
  crew members;
  const auto is_refused = [](trial& u, crew& c) -> task<int> {
    const guard inner(u, &c);
    stepping_elsewhere closed(u.where);
    closed.closed = true;
    bool refused = false;
    try {
      co_await closed.schedule();
    } catch (const fanout::pool_closed&) {
      refused = true;
    }
    co_return co_await one(u, &c) - (refused ? 0 : 1);
  };
  co_return co_await is_refused(t, members);
}

inline task<int> asks_for_its_token(trial& t) {
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

inline task<int> waits_for_an_event(trial& t) {
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

inline task<int> locks(trial& t) {
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

inline task<int> sends_and_receives(trial& t) {
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
inline task<int> awaits_what_is_not_ours(trial& t) {
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
inline constexpr std::array parts = {
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
    &takes_mapped_results,
    &awaits_who_moves,
    &cannot_move,
    &asks_for_its_token,
    &waits_for_an_event,
    &locks,
    &sends_and_receives,
    &awaits_what_is_not_ours,
};

/// All of them one after another, and all at the same time: 2 for each.
inline task<int> program(trial& t) {
  const guard here(t);
  int sum = 0;
  for (const auto part : parts) sum += co_await part(t);
  std::vector<task<int>> all;
  for (const auto part : parts) all.push_back(part(t));
  for (const int value : co_await fanout::gather(std::move(all))) sum += value;
  co_return sum;
}

inline constexpr int complete = 2 * static_cast<int>(parts.size());

}  // namespace fanout_test
