// SPDX-License-Identifier: Apache-2.0
#include "lab/costs/catalogue.hpp"

#include <algorithm>

#include "lab/costs/coroutine_switch.hpp"
#include "lab/costs/hand_over.hpp"
#include "lab/costs/memory.hpp"
#include "lab/costs/ping_pong.hpp"
#include "lab/costs/start.hpp"

namespace lab::costs {

namespace {

using enum ping_pong::signal;
using enum ping_pong::partner;
using enum ping_pong::placement;

constexpr std::size_t kilobyte = 1000, megabyte = 1'000'000;

// "OS context switches: ~1-10 microseconds per switch"
constexpr notebook_claim microseconds_per_switch = {"1–10 µs", 1e-6, 10e-6};
// "Each thread reserves ~8MB memory even if idle": 8 MiB is 8.4 MB
constexpr notebook_claim eight_megabytes = {"~8 MB", 7.5e6, 9e6};
// "Threads get interrupted by OS (preemptive), this costs more", "1 thread vs 5 threads = less RAM", "Switching threads
// invalidates CPU cache"
constexpr notebook_claim more = {"more", 1};

constexpr std::string_view switching = "switching", memory = "memory", starting = "starting", handing = "handing over";

constexpr cost all[] = {
    {.id = "switch.threads",
     .group = switching,
     .name = "thread to thread",
     .claim = microseconds_per_switch,
     .measure = [](const effort& much) { return measure_switch(much, {}); }},
    {.id = "switch.threads.pipe",
     .group = switching,
     .name = "  through pipes",
     .claim = microseconds_per_switch,
     .measure = [](const effort& much) { return measure_switch(much, {.by = pipe}); }},
    {.id = "switch.threads.two_cpus",
     .group = switching,
     .name = "  on two CPUs",
     .claim = microseconds_per_switch,
     .measure = [](const effort& much) { return measure_switch(much, {.on = two_cpus}); }},
    {.id = "switch.threads.64kB",
     .group = switching,
     .name = "  each at work on 64 kB",
     .measure = [](const effort& much) { return measure_switch(much, {.touched = 64 * kilobyte}); }},
    {.id = "switch.threads.1MB",
     .group = switching,
     .name = "  each at work on 1 MB",
     .measure = [](const effort& much) { return measure_switch(much, {.touched = megabyte}); }},
    {.id = "switch.threads.cache",
     .group = switching,
     .name = "  1 MB ÷ nothing",
     .unit = unit::factor,
     .claim = more,
     .of = "switch.threads.1MB",
     .over = "switch.threads"},
    {.id = "switch.processes",
     .group = switching,
     .name = "process to process, pipes",
     .claim = microseconds_per_switch,
     .measure = [](const effort& much) { return measure_switch(much, {.by = pipe, .with = process}); }},
    {.id = "switch.coroutines",
     .group = switching,
     .name = "coroutine to coroutine",
     .measure = [](const effort& much) { return measure_coroutine_switch(much, 0); }},
    {.id = "switch.coroutines.loop",
     .group = switching,
     .name = "  through an event loop",
     .measure = measure_loop_switch},
    {.id = "switch.coroutines.1MB",
     .group = switching,
     .name = "  each at work on 1 MB",
     .measure = [](const effort& much) { return measure_coroutine_switch(much, megabyte); }},
    {.id = "switch.threads_over_loop",
     .group = switching,
     .name = "threads ÷ event loop",
     .unit = unit::factor,
     .claim = more,
     .of = "switch.threads",
     .over = "switch.coroutines.loop"},
    {.id = "memory.thread.reserved",
     .group = memory,
     .name = "a thread reserves",
     .unit = unit::bytes,
     .claim = eight_megabytes,
     .measure = measure_thread_reserved},
    {.id = "memory.thread.touched",
     .group = memory,
     .name = "  and occupies",
     .unit = unit::bytes,
     .measure = measure_thread_touched},
    {.id = "memory.sleeper.coroutine",
     .group = memory,
     .name = "a sleeping task, coroutine",
     .unit = unit::bytes,
     .measure = measure_sleeping_coroutine},
    {.id = "memory.sleeper.thread",
     .group = memory,
     .name = "  thread",
     .unit = unit::bytes,
     .measure = measure_sleeping_thread},
    {.id = "memory.sleeper.process",
     .group = memory,
     .name = "  process",
     .unit = unit::bytes,
     .measure = measure_sleeping_process},
    {.id = "memory.thread_over_coroutine",
     .group = memory,
     .name = "  thread ÷ coroutine",
     .unit = unit::factor,
     .claim = more,
     .of = "memory.sleeper.thread",
     .over = "memory.sleeper.coroutine"},
    {.id = "start.thread.cold",
     .group = starting,
     .name = "a thread, and its end",
     .measure = [](const effort& much) { return measure_thread_start(much, stack_cache::cold); }},
    {.id = "start.thread.warm",
     .group = starting,
     .name = "  with the stack of another",
     .measure = [](const effort& much) { return measure_thread_start(much, stack_cache::warm); }},
    {.id = "start.spawn", .group = starting, .name = "a process, posix_spawn", .measure = measure_spawn},
    {.id = "start.fork",
     .group = starting,
     .name = "  fork",
     .measure = [](const effort& much) { return measure_fork(much, 0); }},
    {.id = "start.fork.100MB",
     .group = starting,
     .name = "  fork, of 100 MB",
     .measure = [](const effort& much) { return measure_fork(much, 100 * megabyte); }},
    {.id = "start.pool.forkserver",
     .group = starting,
     .name = "a process pool, forkserver",
     .measure = [](const effort& much) { return measure_pool_start(much, fanout::start_method::forkserver); }},
    {.id = "start.pool.spawn",
     .group = starting,
     .name = "  spawn",
     .measure = [](const effort& much) { return measure_pool_start(much, fanout::start_method::spawn); }},
    {.id = "start.pool.fork",
     .group = starting,
     .name = "  fork",
     .measure = [](const effort& much) { return measure_pool_start(much, fanout::start_method::fork); }},
    {.id = "trip.event_loop", .group = handing, .name = "to an idle event loop", .measure = measure_event_loop_trip},
    {.id = "trip.thread_pool", .group = handing, .name = "to an idle thread_pool", .measure = measure_thread_pool_trip},
    {.id = "trip.process_pool",
     .group = handing,
     .name = "to an idle process_pool",
     .measure = measure_process_pool_trip},
};

}  // namespace

std::span<const cost> catalogue() { return all; }

const cost* find_cost(std::string_view id) {
  const auto found = std::ranges::find(all, id, &cost::id);
  return found == std::ranges::end(all) ? nullptr : found;
}

}  // namespace lab::costs
