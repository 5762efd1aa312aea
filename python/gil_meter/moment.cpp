// SPDX-License-Identifier: Apache-2.0
// The clocks of a thread. The user's code may close descriptors that it has not opened, and have the numbers for its
// own: one that does not tell what it should is not ours any more.
#include "moment.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

namespace fanout_gil {

namespace {

std::uint64_t read_clock(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
}

/// "cpu delay slices\n": sets `delay`, in nanoseconds; false if it is something else.
bool parse_schedstat(const char* text, const char* end, std::uint64_t& delay) {
  std::uint64_t numbers[3] = {};
  for (int i = 0; i < 3; ++i) {
    const char* const begin = text;
    for (; text < end && *text >= '0' && *text <= '9'; ++text) {
      numbers[i] = 10 * numbers[i] + static_cast<std::uint64_t>(*text - '0');
    }
    if (text == begin || text == end || *text != (i < 2 ? ' ' : '\n')) return false;
    ++text;
  }
  delay = numbers[1];
  return true;
}

bool read_schedstat(int file, std::uint64_t& delay) {
  char text[96];
  const ssize_t size = pread(file, text, sizeof text, 0);
  return size > 0 && parse_schedstat(text, text + size, delay);
}

/// Descriptors above this are not kept: the program needs its own, select() those below 1024.
int highest_kept() {
  constexpr rlim_t share = 4, most = 512;
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<int>(std::min(limit.rlim_cur / share, most)) : 0;
}

/// For how long the calling thread has been runnable without a CPU, since it began. If the kernel does not tell: 0.
std::uint64_t run_queue_delay(int& kept) {
  std::uint64_t delay = 0;
  if (kept >= 0 && read_schedstat(kept, delay)) return delay;
  // Not kept, or closed by the user's code, and perhaps in use by it for something else: it is not ours to close.
  kept = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  if (kept < 0) return 0;
  read_schedstat(kept, delay);
  if (kept > highest_kept()) {
    close(kept);
    kept = -1;
  }
  return delay;
}

}  // namespace

void close_schedstat(int& schedstat) {
  std::uint64_t ignored = 0;
  if (schedstat >= 0 && read_schedstat(schedstat, ignored)) close(schedstat);
  schedstat = -1;
}

std::uint64_t wall_ns() { return read_clock(CLOCK_MONOTONIC); }
std::uint64_t cpu_ns() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

moment now(int& schedstat) {
  moment found{.wall = 0, .cpu = 0, .queued = run_queue_delay(schedstat)};
  found.cpu = cpu_ns();
  found.wall = wall_ns();
  return found;
}

}  // namespace fanout_gil
