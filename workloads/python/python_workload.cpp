// SPDX-License-Identifier: Apache-2.0
// The workload that is a Python function: its hosts are the user's interpreter with host.py.
#include "workloads/python/python_workload.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

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
    std::string args;
    for (const auto& text : spec_.args) args += (args.empty() ? "" : ", ") + text;
    return fs::path(spec_.file).filename().string() + ":" + spec_.function + "(" + args + ")";
  }

  nlohmann::json describe() const override {
    nlohmann::json about = {{"kind", "python"}, {"spec", spec_.file + ":" + spec_.function}, {"args", spec_.args}};
    if (!spec_.async_function.empty()) about["async_function"] = spec_.async_function;
    return about;
  }

  nlohmann::json host() const override {
    if (python_.unusable) return nlohmann::json::object();
    return {{"python", python_.about}};
  }

  void prepare(unsigned) override {
    if (spec_.file != notebook_tasks_file()) check_readable(spec_.file);  // the lack of ours is no mistake of the user
    python_ = find_interpreter(spec_.interpreter);
    if (python_.unusable) return;
    std::vector<std::string> functions = {spec_.function};
    if (!spec_.async_function.empty()) functions.push_back(spec_.async_function);
    try {
      if (auto problem = problem_with(python_, spec_.file, functions, spec_.args)) throw lab::usage_error(*problem);
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
    const bool other = model == "async" && !spec_.async_function.empty();
    std::vector<std::string> command = {python_.executable,
                                        support_directory() + "/host.py",
                                        "--model=" + std::string(model),
                                        "--file=" + spec_.file,
                                        "--function=" + (other ? spec_.async_function : spec_.function),
                                        "--tasks=" + std::to_string(tasks),
                                        "--workers=" + std::to_string(workers)};
    for (const auto& text : spec_.args) command.push_back("--arg=" + text);
    return command;
  }

  std::vector<std::string> host_environment(std::string_view model) const override {
    if (model != "threads") return {};  // elsewhere one thread alone has its interpreter
    return preloading(support_directory() + "/libfanout_gil.so");
  }

 private:
  python_spec spec_;
  interpreter python_{.executable = {}, .about = {}, .models = {}, .unusable = "not prepared"};
};

}  // namespace

std::unique_ptr<lab::workload> make_python_workload(python_spec spec) {
  return std::make_unique<python_workload>(std::move(spec));
}

std::string notebook_tasks_file() { return support_directory() + "/notebook/tasks.py"; }

}  // namespace workloads
