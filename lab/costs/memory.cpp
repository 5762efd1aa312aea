// SPDX-License-Identifier: Apache-2.0
#include "lab/costs/memory.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fanout/event_loop.hpp>
#include <fanout/process_pool.hpp>
#include <fanout/sleep.hpp>
#include <fanout/spawn.hpp>
#include <fanout/thread_pool.hpp>
#include <fstream>
#include <functional>
#include <list>
#include <string>
#include <system_error>

#include "lab/file_descriptor.hpp"

namespace lab::costs {

namespace {

using fanout::task;

/// Threads read from it, and so wait until it is closed; what they write before tells that they have come so far.
class gate {
 public:
  gate() {
    for (ends* pipe : {&arrived_, &opened_}) {
      std::array<int, 2> made{};
      if (pipe2(made.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
      *pipe = {file_descriptor(made[0]), file_descriptor(made[1])};
    }
  }

  void wait_here() {
    char byte = 0;
    if (write(arrived_.in.get(), &byte, 1) != 1) return;
    while (read(opened_.out.get(), &byte, 1) < 0 && errno == EINTR) {
    }
  }

  void wait_for_arrivals(unsigned count) {
    for (char byte = 0; count > 0;) count -= read(arrived_.out.get(), &byte, 1) == 1 ? 1 : 0;
  }

  void open() { opened_.in.reset(); }

 private:
  struct ends {
    file_descriptor out, in;
  };
  ends arrived_, opened_;
};

class opened_at_the_end {
 public:
  explicit opened_at_the_end(gate& what) : what_(what) {}
  opened_at_the_end(const opened_at_the_end&) = delete;
  opened_at_the_end& operator=(const opened_at_the_end&) = delete;
  ~opened_at_the_end() { what_.open(); }

 private:
  gate& what_;
};

/// Threads that wait. All end with it.
class waiting_threads {
 public:
  waiting_threads() = default;
  waiting_threads(const waiting_threads&) = delete;
  waiting_threads& operator=(const waiting_threads&) = delete;
  ~waiting_threads() {
    gate_.open();
    for (const pthread_t thread : threads_) pthread_join(thread, nullptr);
  }

  void add(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      pthread_t thread;
      if (const int error = pthread_create(&thread, nullptr, wait, &gate_); error != 0)
        throw not_measurable("pthread_create: " + std::generic_category().message(error));
      threads_.push_back(thread);
    }
    gate_.wait_for_arrivals(count);
  }

 private:
  static void* wait(void* where) {
    static_cast<gate*>(where)->wait_here();
    return nullptr;
  }

  gate gate_;
  std::list<pthread_t> threads_;
};

using probe = std::function<std::uint64_t()>;

/// Bytes for each of `count` that `add` adds. The first batch does not count: code is loaded, and arenas are made.
measurement measure_growth(const effort& much, unsigned count, const probe& bytes, const std::function<void()>& add) {
  measurement found;
  add();
  for (unsigned i = 0; i < much.batches; ++i) {
    const auto before = static_cast<double>(bytes());
    add();
    found.values.push_back((static_cast<double>(bytes()) - before) / count);
  }
  return found;
}

measurement measure_threads(const effort& much, const probe& bytes) {
  waiting_threads threads;
  const unsigned count = much.operations(20);
  return measure_growth(much, count, bytes, [&] { threads.add(count); });
}

std::uint64_t own_bytes() { return occupied_bytes(getpid()); }

task<> sleeper() { co_await fanout::sleep(std::chrono::hours(1)); }

/// As measure_growth(), which cannot await that the sleepers have fallen asleep.
task<measurement> measure_sleepers(effort much) {
  const unsigned count = much.operations(10'000);
  measurement found;
  for (unsigned i = 0; i <= much.batches; ++i) {
    const auto before = static_cast<double>(own_bytes());
    for (unsigned j = 0; j < count; ++j) (void)fanout::spawn(sleeper());  // stopped when this task ends
    co_await fanout::yield();                                             // all of them begin before this goes on
    if (i > 0) found.values.push_back((static_cast<double>(own_bytes()) - before) / count);
  }
  co_return found;
}

int process_id() { return getpid(); }

}  // namespace

std::uint64_t mapped_bytes() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t pages = 0;
  if (!(in >> pages)) throw not_measurable("/proc/self/statm cannot be read");
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t occupied_bytes(pid_t process) {
  const std::string file = "/proc/" + std::to_string(process) + "/smaps_rollup";
  std::ifstream in(file);
  for (std::string name; in >> name;) {
    std::uint64_t kilobytes = 0;
    if (name == "Pss:" && in >> kilobytes) return 1024 * kilobytes;
    in.ignore(4096, '\n');
  }
  throw not_measurable(file + " cannot be read");
}

measurement measure_thread_reserved(const effort& much) { return measure_threads(much, mapped_bytes); }

measurement measure_thread_touched(const effort& much) { return measure_threads(much, own_bytes); }

measurement measure_sleeping_coroutine(const effort& much) { return fanout::run(measure_sleepers(much)); }

measurement measure_sleeping_thread(const effort& much) {
  const unsigned count = much.operations(20);
  gate closed;
  std::list<fanout::thread_pool> pools;
  const opened_at_the_end before_the_pools_end(closed);
  try {
    return measure_growth(much, count, own_bytes, [&] {
      fanout::thread_pool& pool = pools.emplace_back(count);
      for (unsigned i = 0; i < count; ++i) pool.post([&] { closed.wait_here(); });
      closed.wait_for_arrivals(count);
    });
  } catch (const std::system_error& error) {
    throw not_measurable(error.what());
  }
}

measurement measure_sleeping_process(const effort& much) {
  measurement found;
  for (unsigned i = 0; i < much.batches; ++i) {
    fanout::process_pool pool(1);
    found.values.push_back(static_cast<double>(occupied_bytes(pool.submit(process_id).get())));
  }
  return found;
}

}  // namespace lab::costs
