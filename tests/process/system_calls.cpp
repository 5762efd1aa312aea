// SPDX-License-Identifier: Apache-2.0
// A library between a program and the C library: some calls fail, and the wall clock jumps, when a test says so. In all
// processes of the program, by files in a directory that a variable names: `fork` there, with a number in it, lets
// fork() fail with that errno; `clock` adds so many seconds to the wall clock.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace {

/// The number in that file; 0: there is none. It may be called anywhere, so it takes no memory, leaves errno alone, and
/// makes its system calls itself.
long told(const char* call) noexcept {
  const char* const directory = std::getenv("FANOUT_TEST_CALLS");
  if (directory == nullptr) return 0;
  const int error = errno;
  char path[512], text[32] = {};
  std::snprintf(path, sizeof path, "%s/%s", directory, call);
  const long file = ::syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    ::syscall(SYS_read, file, text, sizeof text - 1);
    ::syscall(SYS_close, file);
  }
  errno = error;
  return std::atol(text);
}

template <class Function>
Function* real(const char* name) noexcept {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

template <class Function, class... Args>
int call(const char* name, Args... args) noexcept {
  if (const long error = told(name); error != 0) {
    errno = static_cast<int>(error);
    return -1;
  }
  static Function* const it = real<Function>(name);
  return it(args...);
}

}  // namespace

#define VISIBLE extern "C" __attribute__((visibility("default")))

VISIBLE int fork() { return call<int()>("fork"); }
VISIBLE int memfd_create(const char* name, unsigned flags) {
  return call<int(const char*, unsigned)>("memfd_create", name, flags);
}
VISIBLE int ftruncate(int file, off_t size) { return call<int(int, off_t)>("ftruncate", file, size); }
VISIBLE int fallocate(int file, int mode, off_t at, off_t size) {
  return call<int(int, int, off_t, off_t)>("fallocate", file, mode, at, size);
}
VISIBLE int socketpair(int domain, int type, int protocol, int* ends) {
  return call<int(int, int, int, int*)>("socketpair", domain, type, protocol, ends);
}
VISIBLE int epoll_create1(int flags) { return call<int(int)>("epoll_create1", flags); }
VISIBLE int eventfd(unsigned count, int flags) { return call<int(unsigned, int)>("eventfd", count, flags); }
VISIBLE int timerfd_create(clockid_t clock, int flags) {
  return call<int(clockid_t, int)>("timerfd_create", clock, flags);
}

// --- the wall clock: by system calls, since sanitizers' runtimes ask for the time before they can look for functions

VISIBLE int clock_gettime(clockid_t clock, timespec* now) {
  const auto result = static_cast<int>(::syscall(SYS_clock_gettime, clock, now));
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += told("clock");
  return result;
}
VISIBLE int gettimeofday(timeval* now, void*) {
  timespec precise{};
  clock_gettime(CLOCK_REALTIME, &precise);
  *now = {.tv_sec = precise.tv_sec, .tv_usec = precise.tv_nsec / 1000};
  return 0;
}
VISIBLE time_t time(time_t* to) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (to != nullptr) *to = now.tv_sec;
  return now.tv_sec;
}
