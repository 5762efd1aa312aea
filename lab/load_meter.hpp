// SPDX-License-Identifier: Apache-2.0
// How busy all threads of a host are, looked at from outside.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <vector>

#include "lab/trace.hpp"

namespace lab {

/// Adds up what /proc/…/schedstat tells of each thread. Of a thread that has ended, what it used after the last look is
/// not known.
class load_meter {
 public:
  /// At `host` and all that descends from it. Takes some ten microseconds for each thread.
  void look(pid_t host);

  const std::vector<load_sample>& samples() const { return samples_; }

 private:
  struct used {
    std::uint64_t cpu_ns = 0, runq_ns = 0;
  };

  std::map<pid_t, used> threads_;
  used sum_{};
  std::vector<load_sample> samples_;
};

}  // namespace lab
