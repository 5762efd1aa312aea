// SPDX-License-Identifier: Apache-2.0
#include "cli/trace_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "lab/format.hpp"
#include "lab/progress.hpp"
#include "lab/terminal.hpp"
#include "lab/trace_run.hpp"
#include "lab/writing.hpp"

namespace cli {

trace_file::trace_file(const std::string& path) {
  if (!path.empty()) file_.emplace(path);
}

void trace_file::add(const lab::workload& work, const comparison_outcome& measured) {
  if (!file_) return;
  about_["fanout"] = measured.record.version;
  about_["machine"] = measured.record.machine;
  about_["work"].push_back(fmt::format("{} × {}, {}", measured.record.title, measured.record.tasks,
                                       lab::counted(measured.record.workers, "worker")));
  std::vector<lab::timeline> seen;
  {
    lab::progress watcher(lab::terminal::of(STDERR_FILENO));
    seen = lab::run_for_trace(work, measured.record, watcher);
  }
  for (lab::timeline& one : seen) {
    if (!one.run.error.empty()) {
      const std::string why = one.run.summary.empty() ? lab::first_line(one.run.error) : one.run.summary;
      lab::say(fmt::format("fanout: {} is not in {}: {}\n", one.name, file_->path(), why));
      continue;
    }
    if (!measured.name.empty()) one.name = fmt::format("{}: {}", measured.name, one.name);
    runs_.push_back(std::move(one));
  }
}

void trace_file::write() {
  if (!file_) return;
  file_->write(lab::to_trace(runs_, about_).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  lab::say(fmt::format("fanout: {} has a timeline of one more run of each model; ui.perfetto.dev opens it\n",
                       file_->path()));
}

}  // namespace cli
