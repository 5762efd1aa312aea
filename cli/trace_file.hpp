// SPDX-License-Identifier: Apache-2.0
// The file of --trace.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/export_file.hpp"
#include "cli/report.hpp"
#include "lab/trace.hpp"
#include "lab/workload.hpp"

namespace cli {

/// Does nothing without a path. That a file cannot be written is known when this is made: throws lab::usage_error.
class trace_file {
 public:
  explicit trace_file(const std::string& path);

  /// Runs each model that was measured once more, with progress on stderr. Throws lab::interrupted.
  void add(const lab::workload& work, const comparison_outcome& measured);

  /// What add() has seen, and says on stderr where it is. Throws as export_file::write().
  void write();

 private:
  std::optional<export_file> file_;
  std::vector<lab::timeline> runs_;
  nlohmann::json about_ = nlohmann::json::object();
};

}  // namespace cli
