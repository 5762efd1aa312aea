// SPDX-License-Identifier: Apache-2.0
// Readers of /proc/PID/task/*/children and smaps_rollup, and the sweep that leaves nothing behind.
#include "lab/process_tree.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>

namespace lab {

namespace {

std::uint64_t pss_bytes(pid_t pid) {
  std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string line; std::getline(rollup, line);) {
    unsigned long long kib = 0;
    if (std::sscanf(line.c_str(), "Pss: %llu kB", &kib) == 1) return kib * 1024;
  }
  return 0;
}

}  // namespace

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  std::error_code gone;
  const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
  for (std::filesystem::directory_iterator task(tasks, gone), end; !gone && task != end; task.increment(gone)) {
    std::ifstream list(task->path() / "children");
    for (pid_t child = 0; list >> child;) children.push_back(child);
  }
  return children;
}

std::vector<pid_t> tree_of(pid_t root) {
  std::vector<pid_t> all = {root};
  for (std::size_t i = 0; i < all.size(); ++i)
    for (const pid_t child : children_of(all[i])) all.push_back(child);
  return all;
}

std::uint64_t tree_pss_bytes(pid_t root) {
  std::uint64_t sum = 0;
  for (const pid_t pid : tree_of(root)) sum += pss_bytes(pid);
  return sum;
}

void become_subreaper() {
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot become the reaper of orphaned processes");
}

std::size_t end_all_children(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    // Killing and reaping alternate: a killed child's own children become ours, and show in the next list.
    for (const pid_t child : children_of(getpid())) kill(child, SIGKILL);
    pid_t reaped = 0;
    while ((reaped = waitpid(-1, nullptr, WNOHANG)) > 0 || (reaped < 0 && errno == EINTR)) {
    }
    if (reaped < 0) return 0;
    if (std::chrono::steady_clock::now() >= deadline) return children_of(getpid()).size();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace lab
