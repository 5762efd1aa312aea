// SPDX-License-Identifier: Apache-2.0
// A function of a shared library, as the lab sees it. What the library does when it is loaded it does in a process that
// is thrown away: this program, with `__check`.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "lab/host_process.hpp"
#include "lab/host_record.hpp"
#include "workloads/native_workload.hpp"
#include "workloads/plugin/arguments.hpp"
#include "workloads/plugin/library.hpp"
#include "workloads/plugin/plugin.hpp"

namespace workloads {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

void check_file(const plugin_spec& plugin) {
  const std::string& file = plugin.file;
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (!fs::exists(status)) throw lab::usage_error("no such file: " + file);
  if (fs::is_directory(status)) throw lab::usage_error(file + " is a directory; name a shared library in it");
  if (access(file.c_str(), R_OK) != 0)
    throw lab::usage_error(fmt::format("{} cannot be read: {}", file, std::generic_category().message(errno)));
  if (!file.contains('/'))  // the loader would look for it where the system has its libraries
    throw lab::usage_error(fmt::format("{0} needs its folder before it: write ./{0}:{1}", file,
                                       plugin.function.empty() ? "FUNCTION" : plugin.function));
}

struct answer {
  json report;         // null if there was none
  std::string ending;  // how the process ended
  std::string output;  // what it printed
};

answer ask(const native_spec& spec) {
  constexpr std::size_t longest_output = 4000;
  answer result;
  lab::host_request request;
  request.command = own_command("__check", spec);
  request.on_line = [&](const lab::output_line& line) {
    if (result.output.size() < longest_output) result.output.append("\n").append(line.text);
  };
  const lab::host_outcome outcome = lab::run_host(request);
  result.report = json::parse(outcome.record, nullptr, false);
  if (result.report.is_discarded()) result.report = nullptr;
  result.ending = lab::describe_exit(outcome.wait_status);
  return result;
}

/// "cpu_task(whole number), wait(number)"
std::string with_parameters(const json& functions) {
  std::string text;
  for (const json& one : functions)
    text += fmt::format("{}{}{}", text.empty() ? "" : ", ", one.at("name").get<std::string>(),
                        one.at("parameters").get<std::string>());
  return text;
}

class plugin_workload final : public native_workload {
 public:
  plugin_workload(native_spec spec, word_finder nearest)
      : native_workload("plugin", std::move(spec)),
        plugin_(*parse_plugin(this->spec().work)),
        nearest_(std::move(nearest)) {}

  std::string title() const override {
    return fmt::format("{}:{}({})", fs::path(plugin_.file).filename().string(), plugin_.function,
                       fmt::join(spec().args, ", "));
  }

  void prepare(unsigned) override {
    check_file(plugin_);
    const answer answered = ask(spec());
    const json& report = answered.report;
    if (report.is_null())
      throw lab::usage_error(
          fmt::format("loading {} ended the process: {}{}", plugin_.file, answered.ending, answered.output));
    if (report.contains("error")) throw lab::usage_error(report["error"].get<std::string>());
    check_function(report.at("functions"));
    if (const json& problem = report.at("problem"); problem.is_string())
      throw lab::usage_error(fmt::format("{} of {}: {}", plugin_.function, plugin_.file, problem.get<std::string>()));
  }

 private:
  void check_function(const json& functions) const {
    std::vector<std::string> names;
    for (const json& one : functions) names.push_back(one.at("name"));
    if (std::ranges::find(names, plugin_.function) != names.end()) return;
    const std::string exports = fmt::format("it exports {}", with_parameters(functions));
    if (plugin_.function.empty())
      throw lab::usage_error(fmt::format("which function of {0}? Write {0}:FUNCTION; {1}", plugin_.file, exports));
    const auto meant = nearest_(plugin_.function, names);
    throw lab::usage_error(fmt::format("{} exports no function '{}'; {}{}", plugin_.file, plugin_.function,
                                       meant ? fmt::format("did you mean {}? ", *meant) : "", exports));
  }

  plugin_spec plugin_;
  word_finder nearest_;
};

/// Of the function's arguments; null if there is nothing wrong with them.
json problem_with(const fanout::detail::plugin_function& function, const std::vector<std::string>& args) {
  json problem;
  const plugin_argument_list given(args, 0);
  const fanout::detail::plugin_arguments view = given.view();
  const fanout::detail::plugin_result listener = {
      .context = &problem,
      .value = [](void*, const char*, std::size_t) {},
      .error = [](void* told, const char* text,
                  std::size_t size) { *static_cast<json*>(told) = std::string(text, size); }};
  function.check(&view, &listener);
  return problem;
}

json report_on(const plugin_spec& plugin, const std::vector<std::string>& args) {
  json report = {{"functions", json::array()}, {"problem", nullptr}};
  for (const fanout::detail::plugin_function* one : load_library(plugin.file)) {
    report["functions"].push_back({{"name", one->name}, {"parameters", one->parameters}});
    if (one->name == plugin.function) report["problem"] = problem_with(*one, args);
  }
  return report;
}

}  // namespace

std::unique_ptr<lab::workload> make_plugin_workload(native_spec spec, word_finder nearest) {
  return std::make_unique<plugin_workload>(std::move(spec), std::move(nearest));
}

int check_plugin(const native_spec& spec) {
  const auto plugin = parse_plugin(spec.work);
  if (!plugin) throw lab::usage_error("'" + spec.work + "' is no function of a shared library");
  try {
    lab::write_host_record(report_on(*plugin, spec.args));
    return 0;
  } catch (const std::runtime_error& error) {
    lab::write_host_record({{"error", error.what()}});
    return 1;
  }
}

}  // namespace workloads
