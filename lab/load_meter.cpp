// SPDX-License-Identifier: Apache-2.0
#include "lab/load_meter.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "lab/meter.hpp"
#include "lab/process_tree.hpp"

namespace lab {

namespace fs = std::filesystem;

void load_meter::look(pid_t host) {
  const bool first = samples_.empty();
  for (const pid_t process : tree_of(host)) {
    std::error_code gone;
    const fs::path tasks = "/proc/" + std::to_string(process) + "/task";
    for (fs::directory_iterator task(tasks, gone), end; !gone && task != end; task.increment(gone)) {
      used now;
      if (!(std::ifstream(task->path() / "schedstat") >> now.cpu_ns >> now.runq_ns)) continue;
      used& before = threads_[std::stoi(task->path().filename())];
      if (now.cpu_ns < before.cpu_ns) before = {};  // another thread with the number of one that has ended
      if (!first) {
        sum_.cpu_ns += now.cpu_ns - before.cpu_ns;
        sum_.runq_ns += now.runq_ns - before.runq_ns;
      }
      before = now;
    }
  }
  samples_.push_back({now_ns(), 1e-9 * static_cast<double>(sum_.cpu_ns), 1e-9 * static_cast<double>(sum_.runq_ns)});
}

}  // namespace lab
