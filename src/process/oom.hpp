// SPDX-License-Identifier: Apache-2.0
// Whether the kernel ends processes for want of memory: the likely reason of a SIGKILL that nobody here sent.
#pragma once

#include <cstdint>
#include <string>

namespace fanout::detail {

/// Looks at the kernel's counts of such deaths: that of the whole system, and that of this process's memory cgroup,
/// which is all that some containers show. What cannot be read counts nothing.
class oom_watch {
 public:
  /// `root` is put before every path, for tests.
  explicit oom_watch(std::string root = {});

  /// Has it happened since this was asked for the last time, or since this was made? To whom is not known. The counts
  /// are up before the process gets its signal, so after its end is early enough to ask.
  bool killed_since();

 private:
  std::uint64_t count() const;

  std::string root_;
  std::uint64_t seen_;
};

}  // namespace fanout::detail
