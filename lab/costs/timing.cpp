// SPDX-License-Identifier: Apache-2.0
#include "lab/costs/timing.hpp"

#include <time.h>

#include "lab/meter.hpp"

namespace lab::costs {

double read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double cpu_seconds_of(const std::function<void()>& run) {
  const double began = read_clock(CLOCK_THREAD_CPUTIME_ID);
  run();
  return read_clock(CLOCK_THREAD_CPUTIME_ID) - began;
}

double seconds_of(const std::function<void()>& run) {
  const std::int64_t began = now_ns();
  run();
  return 1e-9 * static_cast<double>(now_ns() - began);
}

measurement time_batches(const effort& much, unsigned operations, const std::function<double(unsigned)>& batch) {
  measurement found;
  const unsigned n = much.operations(operations);
  batch(n);
  for (unsigned i = 0; i < much.batches; ++i) found.values.push_back(batch(n) / n);
  return found;
}

measurement time_batches(const effort& much, unsigned operations, const std::function<double(unsigned)>& batch,
                         const std::function<double(unsigned)>& overhead) {
  measurement found;
  const unsigned n = much.operations(operations);
  batch(n), overhead(n);
  for (unsigned i = 0; i < much.batches; ++i) {
    const double gross = batch(n) / n;
    found.overheads.push_back(overhead(n) / n);
    found.values.push_back(gross - found.overheads.back());
  }
  return found;
}

}  // namespace lab::costs
