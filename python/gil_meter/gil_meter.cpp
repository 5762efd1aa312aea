// SPDX-License-Identifier: Apache-2.0
// libfanout_gil.so, for LD_PRELOAD into CPython: how long each thread waits for the interpreter's lock (GIL), exactly.
//
// A thread that finds the lock taken sleeps in pthread_cond_timedwait (take_gil in CPython's ceval_gil.c); a holder
// that was asked for it sleeps in pthread_cond_wait until it was taken (drop_gil). Both calls come here first. Which
// condition variables these are is learned from two threads whose role is known:
//
//                 a waiter waits                      a holder waits
//   knows nothing ──────────────▶ lock, and hand-over ──────────────▶ both seen
//                                 by its layout
//
// From then on a wait counts that is for these variables, or comes from where they were waited for: interpreters with
// locks of their own have other variables, but the same code. All other waits go straight on.
//
// Taking a lock that is free, or giving one away that nobody wants, signals the same two variables: those calls come
// here too, and go straight on unless somebody watches who has the lock (changes.hpp). No C++ runtime is linked: the
// interpreter may come with any or none.
#include "gil_meter.hpp"

#include <dlfcn.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "changes.hpp"
#include "known_wait.hpp"
#include "moment.hpp"
#include "waiting_thread.hpp"

namespace {

using namespace fanout_gil;

known_wait lock, hand_over;
std::atomic<bool> hand_over_seen{false};
std::atomic<unsigned> times_asked{0};

thread_local constinit fanout_gil_role role = fanout_gil_nothing;

/// In CPython the two variables follow each other, each with its mutex: cond, mutex, switch_cond, switch_mutex.
const void* hand_over_beside(const void* condition) {
  return static_cast<const char*>(condition) + sizeof(pthread_cond_t) + sizeof(pthread_mutex_t);
}

void learn_lock(const void* condition, const void* place) {
  if (lock.condition.load(relaxed) == nullptr) {
    hand_over.condition.store(hand_over_beside(condition), relaxed);
    lock.condition.store(condition, relaxed);
  }
  lock.add(place);
  times_asked.fetch_add(1, relaxed);
}

void learn_hand_over(const void* condition, const void* place) {
  hand_over.condition.store(condition, relaxed);
  hand_over.add(place);
  hand_over_seen.store(true, relaxed);
}

using timed_wait = int (*)(pthread_cond_t*, pthread_mutex_t*, const timespec*);
using wait = int (*)(pthread_cond_t*, pthread_mutex_t*);
using wake = int (*)(pthread_cond_t*);

/// The function that would be called without us. On x86-64 it has an older namesake for programs of 2002.
template <class Function>
Function next(std::atomic<Function>& known, const char* name) {
  Function found = known.load(relaxed);
  if (found != nullptr) return found;
  void* symbol = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
  if (symbol == nullptr) symbol = dlsym(RTLD_NEXT, name);
  found = reinterpret_cast<Function>(symbol);
  known.store(found, relaxed);
  return found;
}

std::atomic<timed_wait> next_timed_wait{nullptr};
std::atomic<wait> next_wait{nullptr};
std::atomic<wake> next_wake{nullptr};

/// Waiting for the lock is a loop: after each time-out the holder is asked for it, and the wait goes on when the thread
/// has computed for less than this. Such waits are one acquisition.
constexpr std::uint64_t longest_asking_ns = 50'000;

void begin_wait_for_lock(waiting_thread& self) {
  if (self.cpu_ns_when_asked != 0 && cpu_ns() - self.cpu_ns_when_asked < longest_asking_ns) return;
  counts::add(self.counted.waits, 1);
  self.acquisition_ns = 0;
  self.acquisition_began = now(self.schedstat);
}

/// What was no sleep is taken off at the end of an acquisition only. A thousand threads time out 200,000 times a
/// second: were more done then than to read two clocks, they would do nothing else, and the lock would hardly change
/// hands.
void end_wait_for_lock(waiting_thread& self, std::uint64_t wall, bool timed_out) {
  counts& counted = self.counted;
  self.acquisition_ns += wall;
  counts::add(counted.waited_ns, wall);
  counted.note_longest(self.acquisition_ns);
  self.cpu_ns_when_asked = timed_out ? cpu_ns() : 0;
  if (timed_out) return;
  const moment &begin = self.acquisition_began, end = now(self.schedstat);
  const std::uint64_t cpu = std::min(end.cpu - begin.cpu, self.acquisition_ns);  // clocks differ, a little
  const std::uint64_t queued = std::min(end.queued - std::min(begin.queued, end.queued), self.acquisition_ns - cpu);
  counts::add(counted.waited_ns, -(cpu + queued));
  counts::add(counted.queued_ns, queued);
}

template <class Call>
int measure_lock(Call call) {
  const int error = errno;
  waiting_thread* const self = this_thread();
  if (self == nullptr) return call();
  note(fanout_gil_wants);
  begin_wait_for_lock(*self);
  const std::uint64_t began = wall_ns();
  const int result = call();
  end_wait_for_lock(*self, wall_ns() - began, result == ETIMEDOUT);
  errno = error;
  return result;
}

template <class Call>
int measure_hand_over(Call call) {
  const int error = errno;
  waiting_thread* const self = this_thread();
  if (self == nullptr) return call();
  note(fanout_gil_wants);
  const moment begin = now(self->schedstat);
  const int result = call();
  const moment end = now(self->schedstat);
  note(fanout_gil_neither);  // another has taken it
  const std::uint64_t wall = end.wall - begin.wall;
  const std::uint64_t cpu = std::min(end.cpu - begin.cpu, wall);
  const std::uint64_t queued = std::min(end.queued - std::min(begin.queued, end.queued), wall - cpu);
  counts& counted = self->counted;
  counts::add(counted.waited_ns, wall - cpu - queued);
  counts::add(counted.queued_ns, queued);
  counts::add(counted.hand_over_ns, wall - cpu - queued);
  counted.note_longest(wall);
  errno = error;
  return result;
}

/// Who gives the lock away wakes those who wait for it; who has taken it wakes the holder that waits for that.
void note_signal(const pthread_cond_t* condition) {
  if (condition == lock.condition.load(relaxed)) note(fanout_gil_neither);
  if (condition == hand_over.condition.load(relaxed)) note(fanout_gil_holds);
}

/// Takes this library out of LD_PRELOAD, before anyone reads it: what the user's code starts must be as it ever was.
void leave_environment() {
  static constexpr char name[] = "libfanout_gil.so";
  char* const all = std::getenv("LD_PRELOAD");
  if (all == nullptr) return;
  char* end = all;
  for (const char* word = all; *word != '\0';) {
    const std::size_t length = std::strcspn(word, ": ");
    const bool is_us =
        length >= sizeof name - 1 && std::memcmp(word + length - (sizeof name - 1), name, sizeof name - 1) == 0;
    const std::size_t with_separator = length + (word[length] != '\0' ? 1 : 0);
    if (!is_us) {
      std::memmove(end, word, with_separator);
      end += with_separator;
    }
    word += with_separator;
  }
  *end = '\0';
  if (end == all) unsetenv("LD_PRELOAD");
}

__attribute__((constructor)) void load() {
  leave_environment();
  watch_threads_and_forks();
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
  const timed_wait call = next(next_timed_wait, "pthread_cond_timedwait");
  const void* const place = __builtin_return_address(0);
  if (role == fanout_gil_waiter) {
    learn_lock(condition, place);
  } else if (lock.is(condition, place) && role == fanout_gil_nothing) {
    return measure_lock([=] { return call(condition, mutex, until); });
  }
  return call(condition, mutex, until);
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  const wait call = next(next_wait, "pthread_cond_wait");
  const void* const place = __builtin_return_address(0);
  if (role == fanout_gil_holder) {
    learn_hand_over(condition, place);
  } else if (hand_over.is(condition, place) && role == fanout_gil_nothing) {
    return measure_hand_over([=] { return call(condition, mutex); });
  }
  return call(condition, mutex);
}

int pthread_cond_signal(pthread_cond_t* condition) {
  if (is_watched()) note_signal(condition);
  return next(next_wake, "pthread_cond_signal")(condition);
}

void fanout_gil_take_role(fanout_gil_role taken) { role = taken; }

fanout_gil_lesson fanout_gil_learned() {
  return {.lock = lock.condition.load(relaxed) != nullptr,
          .hand_over = hand_over_seen.load(relaxed),
          .asked = times_asked.load(relaxed)};
}

fanout_gil_waits fanout_gil_read_mine() { return fanout_gil::read_mine(); }

std::size_t fanout_gil_read_all(fanout_gil_waits* waits, std::size_t size) { return fanout_gil::read_all(waits, size); }

}  // extern "C"
#pragma GCC visibility pop
