// SPDX-License-Identifier: Apache-2.0
// A child process from its start to its end, and what it has written and used.
#pragma once

#include <fanout/task.hpp>
#include <string>
#include <vector>

#include "workloads/digest.hpp"
#include "workloads/native_work.hpp"

namespace workloads {

/// What came through a pipe: its digest, and a part of the text.
struct captured_text {
  digest all{};
  std::string kept{};
};

struct finished_child {
  int wait_status = 0;     // as from waitpid()
  captured_text output{};  // keeps the beginning
  captured_text errors{};  // keeps the end
  children_usage used{};
};

/// Runs it, on the calling loop, which goes on meanwhile (but for the moment of the start itself). It is found on PATH,
/// reads nothing (/dev/null), and has no descriptor of ours. Ends when the child has ended and both its outputs are
/// closed. A child that is still there when this is stopped is killed. Throws std::system_error if it cannot be
/// started.
fanout::task<finished_child> run_child(std::vector<std::string> words);

}  // namespace workloads
