// SPDX-License-Identifier: Apache-2.0
// Asks an interpreter by running host.py --check in it. Importing the user's file is a run of its own: if that kills
// the interpreter, it is the file's fault.
#include "workloads/python/interpreter.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "lab/host_process.hpp"
#include "lab/writing.hpp"

namespace workloads {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t longest_output = 4000;

struct answer {
  nlohmann::json report;  // null if there was none
  std::string exit;       // how the process ended
  std::string output;     // what it printed: the last of it
};

/// `slow` is said after a second: a user who waits wants to know for what.
answer ask(const std::string& executable, const std::vector<std::string>& options, const std::string& slow) {
  answer result;
  bool told = false;
  const auto begun = std::chrono::steady_clock::now();
  lab::host_request request;
  request.command = {executable, support_directory() + "/host.py", "--check"};
  request.command.insert(request.command.end(), options.begin(), options.end());
  request.on_line = [&](const lab::output_line& line) {
    result.output.append(line.text).append("\n");
    if (result.output.size() > longest_output) result.output.erase(0, result.output.size() - longest_output);
  };
  request.on_tick = [&] {
    if (told || std::chrono::steady_clock::now() - begun < std::chrono::seconds(1)) return;
    told = true;
    lab::say(slow + "…\n");
  };
  const lab::host_outcome outcome = lab::run_host(request);
  result.report = nlohmann::json::parse(outcome.record, nullptr, false);
  if (result.report.is_discarded()) result.report = nullptr;
  result.exit = lab::describe_exit(outcome.wait_status);
  while (result.output.ends_with('\n')) result.output.pop_back();
  return result;
}

bool is_executable(const fs::path& path) { return fs::is_regular_file(path) && access(path.c_str(), X_OK) == 0; }

/// The command to start, before it has told its real place.
std::string choose(const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  if (const char* venv = std::getenv("VIRTUAL_ENV"); venv != nullptr && *venv != '\0') {
    if (const fs::path python = fs::path(venv) / "bin/python"; is_executable(python)) return python.string();
  }
  return "python3";
}

interpreter unusable(std::string reason) {
  return {.executable = {}, .about = {}, .models = {}, .unusable = std::move(reason)};
}

/// "3.9.2" is before 3.11.
bool too_old(const std::string& version) {
  unsigned major = 0;
  unsigned minor = 0;
  std::sscanf(version.c_str(), "%u.%u", &major, &minor);
  return major < 3 || (major == 3 && minor < 11);
}

/// More than a line of output begins on a line of its own: the first says enough for a table.
std::string and_output(const answer& answered) {
  if (answered.output.empty()) return {};
  return (answered.output.find('\n') == std::string::npos ? ", after printing: " : "\n") + answered.output;
}

interpreter judge(const std::string& command, const answer& answered) {
  if (answered.report.is_null())
    return unusable("'" + command + "' does not work as a Python: " + answered.exit + and_output(answered));
  const nlohmann::json& about = answered.report.at("python");
  const auto version = about.at("version").get<std::string>();
  const auto executable = about.at("executable").is_string() ? about["executable"].get<std::string>() : "";
  if (executable.empty()) return unusable("'" + command + "' does not know where it is: its sys.executable is empty");
  if (too_old(version)) {
    interpreter old = unusable("Python " + version + " at " + executable + ": fanout needs 3.11 or later");
    old.too_old = true;
    return old;
  }
  return {.executable = executable,
          .about = about,
          .models = answered.report.at("models"),
          .abilities = answered.report.value("abilities", nlohmann::json::object()),
          .unusable = {}};
}

}  // namespace

std::string support_directory() {
  static const std::string directory =
      (fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "lib/fanout").string();
  return directory;
}

interpreter find_interpreter(const std::string& wanted) {
  if (!FANOUT_HOSTS_PYTHON) return unusable("this fanout was built without Python (FANOUT_PYTHON=OFF)");
  if (!fs::exists(support_directory() + "/host.py"))
    return unusable("no " + support_directory() + "/host.py, which belongs to this fanout: keep bin and lib together");
  const std::string command = choose(wanted);
  try {
    return judge(command, ask(command, {}, "starting " + command));
  } catch (const lab::cannot_start& error) {
    return cannot_be_started(command, error);
  }
}

interpreter cannot_be_started(const std::string& command, const lab::cannot_start& error) {
  if (error.code() != std::errc::no_such_file_or_directory)
    return unusable("'" + command + "' cannot be started: " + error.code().message());
  return unusable(command.find('/') == std::string::npos ? "no " + command + " on PATH" : "no such file: " + command);
}

namespace {

std::string ended_by(const std::string& what, const answer& answered) {
  return what + " ended the interpreter: " + answered.exit + (answered.output.empty() ? "" : "\n" + answered.output);
}

std::optional<std::string> text_or_null(const nlohmann::json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<std::string>());
}

}  // namespace

examination examine(const interpreter& python, const python_task& task) {
  const answer answered =
      ask(python.executable, task.options, "importing " + task.source + " with " + python.executable);
  if (answered.report.is_null()) return {.problem = ended_by("importing " + task.source, answered)};
  return {.problem = text_or_null(answered.report.at("problem")),
          .notes = answered.report.at("notes"),
          .models = answered.report.at("models")};
}

std::optional<std::string> try_model(const interpreter& python, const python_task& task, const std::string& model) {
  std::vector<std::string> options = task.options;
  options.push_back("--try=" + model);
  const answer answered = ask(python.executable, options, "trying " + model + " with " + task.source);
  if (answered.report.is_null()) return ended_by("importing " + task.source + " under " + model, answered);
  return text_or_null(answered.report.at("problem"));
}

}  // namespace workloads
