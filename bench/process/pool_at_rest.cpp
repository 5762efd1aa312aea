// SPDX-License-Identifier: Apache-2.0
// `pool_at_rest WHAT [N]`: what a process pool costs that does nothing, in a program that is nothing else. compare runs
// it for each of:
//   worker_memory [WORKERS], spawned_worker_memory [WORKERS]   bytes of a worker that has run a task
//   pending_memory [TASKS]                                     bytes of a task that cannot begin yet
//   wakeups [SECONDS]                                          how often any thread of any process of the pool wakes up
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "fanout/fanout.hpp"
#include "fresh_process.hpp"
#include "slate.hpp"
#include "workers.hpp"

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// So long that whatever was only delayed has been done.
constexpr auto until_at_rest = 500ms;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "pool_at_rest: %s\n", what);
  std::exit(1);
}

/// Has each worker run a task; their process ids.
std::vector<pid_t> rouse(fanout::process_pool& pool) {
  const slate s;
  std::vector<fanout::future<pid_t>> tasks;
  for (unsigned i = 0; i < pool.workers(); ++i)
    tasks.push_back(pool.submit(meet, s.name(), std::size_t{pool.workers()}));
  std::vector<pid_t> pids;
  for (auto& task : tasks) pids.push_back(task.get());
  for (const pid_t pid : pids) {
    if (pid == 0) fail("not all workers answered in time");
  }
  return pids;
}

/// What a file under /proc says about `name`, as in "Pss:    12 kB"; 0 if it says nothing.
double read_number(const fs::path& path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) return std::strtod(line.c_str() + name.size(), nullptr);
  }
  return 0;
}

void measure_workers(const char* what, std::size_t n, fanout::start_method start) {
  fanout::process_pool pool({.workers = static_cast<unsigned>(n), .start = start});
  const std::vector<pid_t> pids = rouse(pool);
  std::this_thread::sleep_for(until_at_rest);
  double pss = 0, own = 0;
  for (const pid_t pid : pids) {
    const fs::path path = fs::path("/proc") / std::to_string(pid) / "smaps_rollup";
    pss += 1024 * read_number(path, "Pss:");
    own += 1024 * (read_number(path, "Private_Clean:") + read_number(path, "Private_Dirty:"));
  }
  const auto count = static_cast<double>(n);
  std::printf(R"({"what": "%s", "workers": %zu, "pss_bytes": %.0f, "private_bytes": %.0f})"
              "\n",
              what, n, pss / count, own / count);
}
void worker_memory(std::size_t n) { measure_workers("worker_memory", n, fanout::start_method::forkserver); }
void spawned_worker_memory(std::size_t n) { measure_workers("spawned_worker_memory", n, fanout::start_method::spawn); }

/// Keeps a worker busy until the main thread has noted something too.
int wait_at(slate_name name, std::size_t all) {
  slate s(name);
  s.note();
  return s.wait_for(all, 600s) ? 1 : 0;
}
int one() { return 1; }

void pending_memory(std::size_t n) {
  slate s;
  fanout::process_pool pool(workers);
  std::vector<fanout::future<int>> gates, futures;
  for (unsigned i = 0; i < workers; ++i) gates.push_back(pool.submit(wait_at, s.name(), std::size_t{workers + 1}));
  if (!s.wait_for(workers)) fail("not all workers answered in time");
  futures.reserve(n);
  const double before = resident();
  for (std::size_t i = 0; i < n; ++i) futures.push_back(pool.submit(one));
  const double bytes = (resident() - before) / static_cast<double>(n);
  s.note();
  std::size_t sum = 0;
  for (auto& f : futures) sum += static_cast<std::size_t>(f.get());
  for (auto& gate : gates) sum += static_cast<std::size_t>(gate.get());
  if (sum != n + workers) fail("wrong result");
  constexpr std::size_t of_user = sizeof(fanout::future<int>);  // the vector is his
  std::printf(R"({"what": "pending_memory", "n": %zu, "bytes_per_task": %.1f, "bytes_per_future": %zu})"
              "\n",
              n, bytes - of_user, of_user);
}

pid_t parent_of(const fs::path& process) { return static_cast<pid_t>(read_number(process / "status", "PPid:")); }

/// This process, its children, and theirs.
std::vector<pid_t> family() {
  std::vector<std::pair<pid_t, pid_t>> all;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid > 0) all.emplace_back(pid, parent_of(entry.path()));
  }
  std::vector<pid_t> found(1, ::getpid());
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const auto& [pid, parent] : all) {
      if (parent == found[i]) found.push_back(pid);
    }
  }
  return found;
}

struct switches {
  std::size_t processes = 0, threads = 0;
  double voluntary = 0;
};

/// Of all threads there are, but for this one: who slept and woke up has switched of his own accord.
switches switches_of_family() {
  switches all;
  for (const pid_t pid : family()) {
    ++all.processes;
    for (const auto& thread : fs::directory_iterator(fs::path("/proc") / std::to_string(pid) / "task")) {
      if (std::atol(thread.path().filename().c_str()) == ::syscall(SYS_gettid)) continue;
      ++all.threads;
      all.voluntary += read_number(thread.path() / "status", "voluntary_ctxt_switches:");
    }
  }
  return all;
}

void wakeups(std::size_t seconds) {
  fanout::process_pool pool(workers);
  rouse(pool);
  for (int i = 0; i < 1000; ++i) pool.submit(one).get();
  std::this_thread::sleep_for(until_at_rest);
  const switches before = switches_of_family();
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  const switches after = switches_of_family();
  if (before.voluntary == 0) fail("this kernel counts no switches");
  if (after.processes < 2 + workers || after.threads != before.threads) fail("the pool is not what it was");
  std::printf(R"({"what": "wakeups", "seconds": %zu, "processes": %zu, "threads": %zu, "wakeups": %.0f})"
              "\n",
              seconds, after.processes, after.threads, after.voluntary - before.voluntary);
}

constexpr measured_alone measurements[] = {{"worker_memory", worker_memory, 8},
                                           {"spawned_worker_memory", spawned_worker_memory, 8},
                                           {"pending_memory", pending_memory},
                                           {"wakeups", wakeups, 10}};

}  // namespace

int main(int argc, char** argv) { return measure_one_of(measurements, argc, argv); }
