// SPDX-License-Identifier: Apache-2.0
// The tool's main: runs the command, and turns whatever ends it into a message and an exit code.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <variant>

#include "cli/command_line.hpp"
#include "cli/compare.hpp"
#include "cli/costs.hpp"
#include "cli/doctor.hpp"
#include "cli/explain.hpp"
#include "cli/output.hpp"
#include "cli/self_test.hpp"
#include "lab/interruption.hpp"
#include "lab/process_tree.hpp"
#include "lab/workload.hpp"
#include "lab/writing.hpp"
#include "workloads/native_host.hpp"
#include "workloads/plugin/plugin.hpp"

namespace {

/// A tool started with a closed stdin, stdout or stderr must not open something else in its place.
void open_standard_descriptors() {
  int lowest = 0;
  while ((lowest = open("/dev/null", O_RDWR)) >= 0 && lowest <= STDERR_FILENO) {
  }
  if (lowest > STDERR_FILENO) close(lowest);
}

int run(const cli::show_text& shown) {
  cli::write_out(shown.text);
  return cli::ok;
}

/// What measures: a signal ends it when all that it has started is gone.
template <class Options>
int run_measuring(cli::exit_code (*command)(const Options&), const Options& options) {
  const lab::interruption signals;
  lab::become_subreaper();
  try {
    return command(options);
  } catch (const lab::interrupted& by) {
    // While the signals are still ours: a reader that does not read must not keep us.
    lab::say("fanout: interrupted\n");
    return 128 + by.signal;
  }
}

int run(const cli::compare_options& options) { return run_measuring(cli::run_compare, options); }

int run(const cli::self_test_options& options) { return run_measuring(cli::run_self_test, options); }

int run(const cli::costs_options& options) { return run_measuring(cli::run_costs, options); }

int run(const cli::doctor_options& options) { return run_measuring(cli::run_doctor, options); }

int run(const cli::explain_options& options) { return cli::run_explain(options); }

int run(const cli::cost_host_options& options) { return cli::run_cost_host(options); }

int run(const cli::run_host_options& options) {
  return workloads::run_native_host({.spec = {.work = options.spec, .args = options.args},
                                     .model = options.model,
                                     .tasks = options.tasks,
                                     .workers = options.workers});
}

int run(const cli::check_host_options& options) {
  return workloads::check_plugin({.work = options.spec, .args = options.args});
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that left is an error of write() and nothing worse
  try {
    return std::visit([](const auto& command) { return run(command); }, cli::parse_command_line(argc, argv));
  } catch (const lab::usage_error& error) {
    lab::say(fmt::format("fanout: {}\n", error.what()));
    return cli::usage;
  } catch (const cli::output_closed&) {
    return cli::ok;
  } catch (const std::exception& error) {
    lab::say(fmt::format("fanout: {}\n", error.what()));
    return cli::task_failed;
  }
}
