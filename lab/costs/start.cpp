// SPDX-License-Identifier: Apache-2.0
#include "lab/costs/start.hpp"

#include <pthread.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <system_error>

#include "lab/costs/timing.hpp"

namespace lab::costs {

namespace {

not_measurable failed(const char* what, int error) {
  return not_measurable(std::string(what) + ": " + std::generic_category().message(error));
}

constexpr std::size_t more_than_is_kept = 64 << 20;

class thread_attributes {
 public:
  explicit thread_attributes(stack_cache cache) {
    pthread_attr_init(&attributes_);
    if (cache == stack_cache::cold) pthread_attr_setstacksize(&attributes_, more_than_is_kept);
  }
  thread_attributes(const thread_attributes&) = delete;
  thread_attributes& operator=(const thread_attributes&) = delete;
  ~thread_attributes() { pthread_attr_destroy(&attributes_); }

  const pthread_attr_t* get() const { return &attributes_; }

 private:
  pthread_attr_t attributes_;
};

void start_and_join(const thread_attributes& attributes) {
  pthread_t thread;
  const int error = pthread_create(&thread, attributes.get(), [](void* nothing) { return nothing; }, nullptr);
  if (error != 0) throw failed("pthread_create", error);
  pthread_join(thread, nullptr);
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

void spawn_and_wait() {
  std::string name = "true";
  const std::array<char*, 2> arguments = {name.data(), nullptr};
  pid_t child = -1;
  const int error = posix_spawn(&child, "/bin/true", nullptr, nullptr, arguments.data(), environ);
  if (error != 0) throw failed("/bin/true", error);
  if (wait_for(child) != 0) throw not_measurable("/bin/true fails");
}

void fork_and_wait() {
  const pid_t child = fork();
  if (child < 0) throw failed("fork", errno);
  if (child == 0) _exit(0);
  wait_for(child);
}

/// Resident, in small pages: as a heap is that grew bit by bit, whatever the system does with large mappings.
class ballast {
 public:
  explicit ballast(std::size_t bytes) : bytes_(bytes) {
    if (bytes_ == 0) return;
    pages_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages_ == MAP_FAILED) throw failed("mmap", errno);
    madvise(pages_, bytes_, MADV_NOHUGEPAGE);
    for (std::size_t i = 0; i < bytes_; i += 4096) static_cast<volatile char*>(pages_)[i] = 1;
  }
  ballast(const ballast&) = delete;
  ballast& operator=(const ballast&) = delete;
  ~ballast() {
    if (bytes_ > 0) munmap(pages_, bytes_);
  }

 private:
  std::size_t bytes_;
  void* pages_ = nullptr;
};

/// Each operation, so often.
measurement time_each(const effort& much, unsigned operations, const std::function<void()>& operation) {
  return time_batches(much, operations, [&](unsigned n) {
    return seconds_of([&] {
      for (unsigned i = 0; i < n; ++i) operation();
    });
  });
}

int answer() { return 1; }

double first_result_of_a_pool(fanout::start_method method) {
  std::optional<fanout::process_pool> pool;
  try {
    return seconds_of([&] {
      pool.emplace(fanout::process_pool_options{.workers = 1, .start = method});
      pool->submit(answer).get();
    });
  } catch (const std::exception& error) {
    throw not_measurable(error.what());
  }
}

}  // namespace

measurement measure_thread_start(const effort& much, stack_cache cache) {
  const thread_attributes attributes(cache);
  return time_each(much, 100, [&] { start_and_join(attributes); });
}

measurement measure_spawn(const effort& much) { return time_each(much, 10, spawn_and_wait); }

measurement measure_fork(const effort& much, std::size_t bytes) {
  const ballast more(bytes);
  return time_each(much, bytes > 0 ? 3 : 20, fork_and_wait);
}

measurement measure_pool_start(const effort& much, fanout::start_method method) {
  return time_batches(much, 2, [&](unsigned n) {
    double seconds = 0;
    for (unsigned i = 0; i < n; ++i) seconds += first_result_of_a_pool(method);
    return seconds;
  });
}

}  // namespace lab::costs
