// SPDX-License-Identifier: Apache-2.0
#include "cli/costs.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/output.hpp"
#include "lab/costs/run.hpp"
#include "lab/costs/view.hpp"
#include "lab/terminal.hpp"
#include "lab/workload.hpp"
#include "lab/writing.hpp"

namespace cli {

namespace {

/// One line that is rewritten on a terminal, else a line for each group.
class costs_progress {
 public:
  costs_progress() = default;
  costs_progress(const costs_progress&) = delete;
  costs_progress& operator=(const costs_progress&) = delete;
  ~costs_progress() {
    if (terminal_.interactive) lab::say(lab::ansi::erase_line);
  }

  void begin(const lab::costs::cost& what) {
    ++number_;
    if (terminal_.interactive) {
      const std::string text = fmt::format(" measuring {}/{}  {}", number_, lab::costs::catalogue().size(), what.id);
      lab::say(fmt::format("{}{}", lab::ansi::erase_line, lab::shortened(text, terminal_.width - 1)));
    } else if (what.group != group_) {
      lab::say(fmt::format("measuring {}\n", group_ = what.group));
    }
  }

 private:
  lab::terminal terminal_ = lab::terminal::of(STDERR_FILENO);
  std::size_t number_ = 0;
  std::string_view group_;
};

std::vector<std::string> host_command(const lab::costs::cost& what) {
  return {"/proc/self/exe", "__cost", std::string(what.id)};
}

lab::costs::report measured() {
  costs_progress progress;
  return lab::costs::find_all(host_command, [&](const lab::costs::cost& what) { progress.begin(what); });
}

}  // namespace

exit_code run_costs(const costs_options& options) {
  const lab::costs::report all = measured();
  write_out(options.format == output_format::json ? text_of(lab::costs::to_json(all))
                                                  : lab::costs::show(all, lab::terminal::of(STDOUT_FILENO)));
  return ok;
}

exit_code run_cost_host(const cost_host_options& options) {
  prctl(PR_SET_NAME, "fanout");  // it was started as /proc/self/exe
  const lab::costs::cost* const what = lab::costs::find_cost(options.id);
  if (what == nullptr || what->measure == nullptr)
    throw lab::usage_error(fmt::format("there is no cost '{}' to measure", options.id));
  lab::costs::measure_as_host(*what, {.batches = options.batches});
  return ok;
}

}  // namespace cli
