// SPDX-License-Identifier: Apache-2.0
// The list of the threads that have waited:
//
//            first wait           the thread ends: its counts are added to those that have ended
//   (none) ─────────────▶ in use ───────────────────────────────────────────────────────────────▶ free ──▶ in use …
//
// In a forked child all begins anew: the one thread it has is in use if it was, and every other entry is free.
#include "waiting_thread.hpp"

#include <pthread.h>
#include <unistd.h>

#include <cstdlib>
#include <new>

#include "moment.hpp"

namespace fanout_gil {

namespace {

// All of this is guarded by the mutex, but for what a thread does with its own entry.
pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER;
waiting_thread* all = nullptr;
counts ended;

pthread_key_t at_thread_end;
bool has_thread_end = false;

thread_local constinit waiting_thread* mine = nullptr;

void release(void* of_ended_thread) {
  auto& gone = *static_cast<waiting_thread*>(of_ended_thread);
  close_schedstat(gone.schedstat);
  pthread_mutex_lock(&list_mutex);
  ended.add(gone.counted);
  gone.counted.clear();
  gone.cpu_ns_when_asked = 0;
  gone.thread = 0;
  pthread_mutex_unlock(&list_mutex);
  mine = nullptr;  // it may wait once more
}

waiting_thread* free_entry() {
  for (waiting_thread* each = all; each != nullptr; each = each->next) {
    if (each->thread == 0) return each;
  }
  void* const memory = std::malloc(sizeof(waiting_thread));
  if (memory == nullptr) return nullptr;
  return all = new (memory) waiting_thread(all);
}

void before_fork() { pthread_mutex_lock(&list_mutex); }
void after_fork_in_parent() { pthread_mutex_unlock(&list_mutex); }

/// Here only the forking thread lives on, under another id, and has not waited for anything yet.
void after_fork_in_child() {
  list_mutex = PTHREAD_MUTEX_INITIALIZER;
  ended.clear();
  for (waiting_thread* each = all; each != nullptr; each = each->next) {
    close_schedstat(each->schedstat);  // tells of a thread of the parent
    each->counted.clear();
    each->cpu_ns_when_asked = 0;
    each->thread = each == mine ? gettid() : 0;
  }
}

}  // namespace

void watch_threads_and_forks() {
  has_thread_end = pthread_key_create(&at_thread_end, release) == 0;
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

waiting_thread* this_thread() {
  if (mine != nullptr || !has_thread_end) return mine;
  pthread_mutex_lock(&list_mutex);
  mine = free_entry();
  if (mine != nullptr) mine->thread = gettid();
  pthread_mutex_unlock(&list_mutex);
  if (mine != nullptr) pthread_setspecific(at_thread_end, mine);
  return mine;
}

fanout_gil_waits read_mine() { return mine == nullptr ? counts().read(gettid()) : mine->counted.read(mine->thread); }

std::size_t read_all(fanout_gil_waits* waits, std::size_t size) {
  std::size_t found = 0;
  auto add = [&](const counts& counted, std::int32_t thread) {
    if (found < size) waits[found] = counted.read(thread);
    ++found;
  };
  pthread_mutex_lock(&list_mutex);
  add(ended, 0);
  for (const waiting_thread* each = all; each != nullptr; each = each->next) {
    if (each->thread != 0) add(each->counted, each->thread);
  }
  pthread_mutex_unlock(&list_mutex);
  return found;
}

}  // namespace fanout_gil
