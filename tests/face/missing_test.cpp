// SPDX-License-Identifier: Apache-2.0
// What the public face (DESIGN.md, section 3) promises and this version does not have yet. The test prints the list,
// and fails when something on it has come to exist: then it belongs into face_test.cpp.
#include <gtest/gtest.h>
#include <fanout/fanout.hpp>

#include <iostream>
#include <vector>

#if __has_include(<fanout/spawn.hpp>) || __has_include(<fanout/timeout.hpp>) || __has_include(<fanout/task_group.hpp>)
#error "there are tasks' tools that face_test.cpp does not use"
#endif
#if __has_include(<fanout/event.hpp>) || __has_include(<fanout/mutex.hpp>) || __has_include(<fanout/channel.hpp>)
#error "there are coroutines' tools that face_test.cpp does not use"
#endif
#if __has_include( \
    <fanout/asio.hpp>) || __has_include(<fanout/serial_executor.hpp>) || __has_include(<fanout/shared_array.hpp>)
#error "there are headers that face_test.cpp does not use"
#endif

namespace {

struct promised {
  const char* name;
  bool exists;
};

template <class Pool>
std::vector<promised> of_pools(const char* shutdown, const char* stats) {
  return {{shutdown, requires(Pool pool){pool.shutdown();
}
}  // namespace
, {
  stats, requires(Pool pool) { pool.stats(); }
}
}
;
}

template <class Pool = fanout::thread_pool, class Loop = fanout::event_loop, class MapOptions = fanout::map_options>
std::vector<promised> members() {
  return {{"event_loop::context()", requires(Loop loop){loop.context();
}
}
, {"thread_pool::schedule()", requires(Pool pool){pool.schedule();
}
}
, {"thread_pool::for_each(f, range)", requires(Pool pool, std::vector<int> v){pool.for_each([](int) {}, v);
}
}
, {"map_options::window", requires(MapOptions options){options.window;
}
}
, {"map_options::item_timeout", requires(MapOptions options){options.item_timeout;
}
}
, {"map_options::ordered", requires(MapOptions options){options.ordered;
}
}
,
}
;
}

constexpr const char* functions_and_types[] = {"wait(futures, return_when, duration)",
                                               "spawn(task)",
                                               "timeout(duration, task)",
                                               "as_completed(vector<task<T>>)",
                                               "with_task_group, task_group",
                                               "event, mutex, semaphore, channel<T>",
                                               "signal_received(SIGINT)",
                                               "<fanout/asio.hpp>",
                                               "serial_executor",
                                               "concept pool",
                                               "task_options, submit(task_options, f, args...)",
                                               "shared_buffer, shared_array<T>",
                                               "fanout::cluster"};

TEST(Face, WhatIsMissingIsListed) {
  auto list = members();
  for (const auto& more : of_pools<fanout::thread_pool>("thread_pool::shutdown()", "thread_pool::stats()"))
    list.push_back(more);
  std::cout << "Not there yet:\n";
  for (const auto& [name, exists] : list) {
    EXPECT_FALSE(exists) << name << " exists now: use it in face_test.cpp";
    std::cout << "  " << name << '\n';
  }
  for (const char* name : functions_and_types) std::cout << "  " << name << '\n';
}

}  // namespace
