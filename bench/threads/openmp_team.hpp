// SPDX-License-Identifier: Apache-2.0
// OpenMP as it is by default, but only while it is measured.
#pragma once

#include <omp.h>

#include "workers.hpp"

/// After a parallel region the threads of LLVM's OpenMP spin for 200 ms, in case there is another. That is theirs to
/// choose while they are measured; but not while the next benchmark is. The calling thread is one of the team's.
class openmp_team {
 public:
  explicit openmp_team(int milliseconds_to_spin = 200) noexcept {
    kmp_set_blocktime(milliseconds_to_spin);
    omp_set_num_threads(static_cast<int>(workers));
  }
  openmp_team(const openmp_team&) = delete;
  openmp_team& operator=(const openmp_team&) = delete;
  ~openmp_team() { omp_pause_resource_all(omp_pause_hard); }  // ends the threads
};
