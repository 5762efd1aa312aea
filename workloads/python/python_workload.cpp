// SPDX-License-Identifier: Apache-2.0
// The workload that is a Python function: its hosts are the user's interpreter with host.py.
#include "workloads/python/python_workload.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "lab/models.hpp"
#include "lab/writing.hpp"
#include "workloads/python/interpreter.hpp"

namespace workloads {

namespace fs = std::filesystem;

namespace {

void check_readable(const std::string& file) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (!fs::exists(status)) throw lab::usage_error("no such file: " + file);
  if (fs::is_directory(status)) throw lab::usage_error(file + " is a directory; name a Python file in it");
  if (access(file.c_str(), R_OK) != 0) {
    throw lab::usage_error(file + " cannot be read: " + std::generic_category().message(errno));
  }
}

/// Preloads a library, before those that the user's environment asks for. Nothing, where there is no such file, or the
/// system could not read its path in a list: the host says what it does without.
std::vector<std::string> preloading(const std::string& library) {
  if (!fs::exists(library) || library.find_first_of(" :$") != std::string::npos) return {};
  const char* const others = std::getenv("LD_PRELOAD");
  return {"LD_PRELOAD=" + library + (others == nullptr ? "" : ":" + std::string(others))};
}

class python_workload final : public lab::workload {
 public:
  explicit python_workload(python_spec spec) : spec_(std::move(spec)) {}

  std::string title() const override {
    const std::string where = spec_.module.empty() ? fs::path(spec_.file).filename().string() : spec_.module;
    std::vector<std::string> given = spec_.args;
    if (!spec_.args_from.empty()) given.push_back("*" + fs::path(spec_.args_from).filename().string());
    given.insert(given.end(), spec_.kwargs.begin(), spec_.kwargs.end());
    std::string args;
    for (const auto& text : given) args += (args.empty() ? "" : ", ") + text;
    return where + ":" + spec_.function + "(" + args + ")";
  }

  nlohmann::json describe() const override {
    nlohmann::json about = {{"kind", "python"}, {"spec", source() + ":" + spec_.function}, {"args", spec_.args}};
    if (!spec_.async_function.empty()) about["async_function"] = spec_.async_function;
    if (!spec_.kwargs.empty()) about["kwargs"] = spec_.kwargs;
    if (!spec_.args_from.empty()) about["args_from"] = spec_.args_from;
    if (!spec_.setup.empty()) about["setup"] = spec_.setup;
    return about;
  }

  nlohmann::json host() const override {
    if (python_.unusable) return nlohmann::json::object();
    return {{"python", python_.about}};
  }

  void prepare(unsigned) override {
    // The lack of ours is no mistake of the user.
    if (spec_.module.empty() && spec_.file != notebook_tasks_file()) check_readable(spec_.file);
    python_ = find_interpreter(spec_.interpreter);
    if (python_.unusable) return;
    python_task task{source(), task_options(spec_.function)};
    if (!spec_.async_function.empty()) task.options.push_back("--function=" + spec_.async_function);
    try {
      const examination found = examine(python_, task);
      if (found.problem) throw lab::usage_error(*found.problem);
      for (const std::string& note : found.notes) lab::say("fanout: " + note + "\n");
      python_.models = found.models;
      try_models(task);
    } catch (const lab::cannot_start& error) {
      python_ = cannot_be_started(python_.executable, error);
    }
  }

  std::optional<std::string> unavailable(std::string_view model) const override {
    if (python_.unusable) return python_.unusable;
    const auto found = python_.models.find(std::string(model));
    if (found == python_.models.end()) return "not offered for Python functions";
    return found->is_null() ? std::nullopt : std::optional(found->get<std::string>());
  }

  std::vector<std::string> host_command(std::string_view model, unsigned tasks, unsigned workers) const override {
    const lab::known_model* const known = lab::find_model(model);
    const bool in_loop = known != nullptr && known->kind == lab::model_kind::loop;
    const bool other = in_loop && !spec_.async_function.empty();
    std::vector<std::string> command = {python_.executable, support_directory() + "/host.py",
                                        "--model=" + std::string(model), "--tasks=" + std::to_string(tasks),
                                        "--workers=" + std::to_string(workers)};
    const auto options = task_options(other ? spec_.async_function : spec_.function);
    command.insert(command.end(), options.begin(), options.end());
    return command;
  }

  std::vector<std::string> host_environment(std::string_view model) const override {
    constexpr std::string_view with_many_threads[] = {"threads", "to_thread", "ThreadPoolExecutor"};
    if (std::ranges::find(with_many_threads, model) == std::end(with_many_threads))
      return {};  // elsewhere one thread alone has its interpreter
    return preloading(support_directory() + "/libfanout_gil.so");
  }

 private:
  /// As it was typed.
  std::string source() const { return spec_.module.empty() ? spec_.file : spec_.module; }

  std::vector<std::string> task_options(const std::string& function) const {
    std::vector<std::string> options = {(spec_.module.empty() ? "--file=" : "--module=") + source(),
                                        "--function=" + function};
    for (const auto& text : spec_.args) options.push_back("--arg=" + text);
    for (const auto& text : spec_.kwargs) options.push_back("--kwarg=" + text);
    if (!spec_.args_from.empty()) options.push_back("--args-from=" + spec_.args_from);
    if (!spec_.setup.empty()) options.push_back("--setup=" + spec_.setup);
    return options;
  }

  /// Those that nothing but an attempt tells of.
  void try_models(const python_task& task) {
    for (const std::string& model : spec_.models)
      if (model == "subinterpreters" && python_.models.value(model, nlohmann::json()).is_null())
        if (auto problem = try_model(python_, task, model)) python_.models[model] = *problem;
  }

  python_spec spec_;
  interpreter python_{.executable = {}, .about = {}, .models = {}, .unusable = "not prepared"};
};

}  // namespace

std::unique_ptr<lab::workload> make_python_workload(python_spec spec) {
  return std::make_unique<python_workload>(std::move(spec));
}

unsigned count_argument_lines(const std::string& file) {
  if (fs::is_directory(file)) throw lab::usage_error(file + " is a directory, not a file of JSON lines");
  check_readable(file);
  std::ifstream lines(file);
  unsigned count = 0;
  for (std::string line; std::getline(lines, line);)
    if (line.find_first_not_of(" \t\r\v\f") != std::string::npos) ++count;  // as Python's isspace()
  return count;
}

std::string notebook_tasks_file() { return support_directory() + "/notebook/tasks.py"; }

}  // namespace workloads
