// SPDX-License-Identifier: Apache-2.0
// An array that is filled once. A place is taken by counting up, written, and then published by its time.
#include "changes.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <new>

namespace fanout_gil {

namespace {

struct entry {
  std::atomic<std::uint64_t> at_ns{0};  // 0: not written yet. Stored with release, read with acquire
  std::int32_t thread = 0;
  fanout_gil_relation now = fanout_gil_neither;
};

std::atomic<entry*> entries{nullptr};  // stored with release after `room`, read with acquire
std::size_t room = 0;
std::atomic<std::size_t> noted{0};

std::uint64_t monotonic_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
}

}  // namespace

bool is_watched() { return entries.load(std::memory_order_relaxed) != nullptr; }

void note(fanout_gil_relation now) {
  entry* const first = entries.load(std::memory_order_acquire);
  if (first == nullptr) return;
  const std::uint64_t at_ns = monotonic_ns();
  const std::size_t place = noted.fetch_add(1, std::memory_order_relaxed);
  if (place >= room) return;
  first[place].thread = gettid();
  first[place].now = now;
  first[place].at_ns.store(at_ns, std::memory_order_release);
}

}  // namespace fanout_gil

using namespace fanout_gil;

#pragma GCC visibility push(default)
extern "C" {

bool fanout_gil_watch(std::size_t size) {
  if (is_watched()) return true;
  void* const memory = std::malloc(size * sizeof(entry));
  if (memory == nullptr) return false;
  entry* const first = static_cast<entry*>(memory);
  for (std::size_t i = 0; i < size; ++i) new (first + i) entry;
  room = size;
  entries.store(first, std::memory_order_release);
  return true;
}

std::size_t fanout_gil_read_changes(fanout_gil_change* changes, std::size_t size, std::size_t* read) {
  const entry* const first = entries.load(std::memory_order_acquire);
  const std::size_t there = noted.load(std::memory_order_relaxed);
  *read = 0;
  for (std::size_t i = 0; i < std::min(there, room) && *read < size; ++i)
    if (const std::uint64_t at_ns = first[i].at_ns.load(std::memory_order_acquire); at_ns != 0)
      changes[(*read)++] = {.thread = first[i].thread, .now = first[i].now, .at_ns = at_ns};
  return there;
}

}  // extern "C"
#pragma GCC visibility pop
