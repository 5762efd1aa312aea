// SPDX-License-Identifier: Apache-2.0
// The machine is described by lab/doctor; here the hosts, start methods and Pythons are tried.
#include "cli/doctor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "cli/output.hpp"
#include "lab/costs/run.hpp"
#include "lab/doctor/machine.hpp"
#include "lab/doctor/view.hpp"
#include "lab/format.hpp"
#include "lab/terminal.hpp"
#include "workloads/python/installed.hpp"

namespace cli {

namespace {

using lab::doctor::fact;
using lab::doctor::section;

/// A measurement of one batch tells whether it can be done.
std::optional<std::string> problem_with(std::string_view cost) {
  const lab::costs::finding tried = lab::costs::find_in_host(
      *lab::costs::find_cost(cost), {"/proc/self/exe", "__cost", std::string(cost), "--batches", "1"});
  return tried.value ? std::nullopt : std::optional(tried.reason);
}

fact tried(const std::string& id, const std::string& name, std::string_view cost) {
  const auto problem = problem_with(cost);
  if (!problem) return {id, name, true, "works"};
  return {id, name, false, "does not work: " + *problem, "workers of process pools cannot be started so"};
}

section try_models() {
  section all{"models", "models, native"};
  const auto threads = problem_with("trip.thread_pool"), loop = problem_with("trip.event_loop");
  all.facts.push_back({"async", "async", !loop, loop ? "does not work: " + *loop : "works"});
  all.facts.push_back({"threads", "threads", !threads, threads ? "does not work: " + *threads : "works"});
  all.facts.push_back(tried("processes", "processes (forkserver)", "start.pool.forkserver"));
  all.facts.push_back(tried("processes_spawn", "processes/spawn", "start.pool.spawn"));
  all.facts.push_back(tried("processes_fork", "processes/fork", "start.pool.fork"));
  return all;
}

std::string abilities_in_words(const workloads::installed_python& found) {
  std::string text = fmt::format("{} {}", found.implementation, found.version);
  text += found.gil ? ", with a GIL" : ", free-threaded";
  text += found.subinterpreters ? ", sub-interpreters" : ", no sub-interpreters";
  return text;
}

fact describe_python(const workloads::installed_python& found) {
  const std::string name = found.command.substr(found.command.rfind('/') + 1);
  fact shown{found.command, name, workloads::to_json(found), ""};
  if (!found.problem.empty()) {
    shown.text = lab::first_line(found.problem);
    if (found.too_old) shown.advice = "fanout needs Python 3.11 or later: apt-get install python3 (Debian 12)";
    return shown;
  }
  shown.text = fmt::format("{}, {}", abilities_in_words(found), found.executable);
  if (found.extension_problem.empty()) {
    shown.text += "; fanout's extension loads";
  } else {
    shown.text += "; its threads and processes cannot be used: " + lab::first_line(found.extension_problem);
    shown.advice = "the extension must be built for this machine and lie in lib/fanout beside bin/fanout";
  }
  return shown;
}

/// Those that cannot even say what they are, such as shims of version managers for what is not installed.
bool does_not_run(const workloads::installed_python& found) { return !found.problem.empty() && !found.too_old; }

section describe_pythons(const std::vector<workloads::installed_python>& pythons) {
  section all{"pythons", "Pythons"};
  std::vector<std::string> broken;
  for (const workloads::installed_python& found : pythons) {
    if (does_not_run(found))
      broken.push_back(found.command);
    else
      all.facts.push_back(describe_python(found));
  }
  if (!broken.empty()) all.facts.push_back({"broken", "do not run", broken, lab::format_list(broken)});
  if (std::ranges::all_of(pythons, does_not_run))
    all.facts.push_back({"none", "none that runs", nullptr, "only native work can be compared",
                         "to compare Python functions: apt-get install python3"});
  return all;
}

/// What no interpreter here can do; `fanout compare` leaves such models out.
section describe_missing(const std::vector<workloads::installed_python>& pythons) {
  const auto none = [&](auto can) { return std::ranges::none_of(pythons, can); };
  section all{"missing", "what no Python here can do"};
  if (none([](const auto& one) { return one.subinterpreters; }))
    all.facts.push_back({"subinterpreters", "sub-interpreters", true, "need Python 3.12 or later",
                         "Debian 12 has 3.11: apt-get install python3 of Debian 13, or uv python install 3.13"});
  if (none([](const auto& one) { return one.problem.empty() && !one.gil; }))
    all.facts.push_back({"free_threading", "free threading", true,
                         "needs a free-threaded build of Python 3.13 or later",
                         "no Debian 12 package has one: uv python install 3.13t"});
  return all;
}

bool can_compare(const section& models) {
  return std::ranges::any_of(models.facts, [](const fact& one) { return one.value == true; });
}

}  // namespace

exit_code run_doctor(const doctor_options& options) {
  const section models = try_models();
  const auto pythons = workloads::find_pythons();
  const section of_pythons = describe_pythons(pythons), missing = describe_missing(pythons);
  std::vector<section> all = {lab::doctor::describe_cpus(),
                              lab::doctor::describe_limits(),
                              lab::doctor::describe_system(),
                              lab::doctor::describe_instruments(),
                              models,
                              of_pythons};
  if (!missing.facts.empty()) all.push_back(missing);
  if (options.format == output_format::json) {
    nlohmann::ordered_json document = {{"fanout", FANOUT_VERSION}};
    document.update(lab::doctor::to_json(all));
    document["pythons"] = nlohmann::ordered_json::array();  // a list: their names are no keys
    for (const workloads::installed_python& found : pythons) document["pythons"].push_back(workloads::to_json(found));
    write_out(text_of(document));
  } else {
    write_out(lab::doctor::show(all, lab::terminal::of(STDOUT_FILENO)));
  }
  return can_compare(models) ? ok : task_failed;
}

}  // namespace cli
