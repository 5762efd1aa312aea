// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <utility>

#include "workloads/command/command.hpp"
#include "workloads/native_workload.hpp"
#include "workloads/substitute.hpp"

namespace workloads {

namespace fs = std::filesystem;

namespace {

bool is_program(const fs::path& path) {
  std::error_code unreadable;
  return fs::is_regular_file(path, unreadable) && access(path.c_str(), X_OK) == 0;
}

bool is_on_path(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/bin:/usr/bin");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (is_program(fs::path(folder.empty() ? "." : folder) / name)) return true;
  return false;
}

class command_workload final : public native_workload {
 public:
  command_workload(std::string work, std::string program)
      : native_workload("command", {.work = std::move(work)}), program_(std::move(program)) {}

  void prepare(unsigned) override {
    const std::string program = with_number(program_, 0);
    if (!program.contains('/')) {
      if (!is_on_path(program)) throw lab::usage_error(fmt::format("{}: no {} on PATH", spec().work, program));
    } else if (!is_program(program)) {
      throw lab::usage_error(fmt::format("{}: {} is no program that can be run", spec().work, program));
    }
  }

 private:
  std::string program_;
};

}  // namespace

std::unique_ptr<lab::workload> make_command_workload(std::string_view work) {
  const auto words = parse_command(work);
  if (!words) throw lab::usage_error(fmt::format("'{}' is no command: it begins with cmd:", work));
  return std::make_unique<command_workload>(std::string(work), words->front());
}

}  // namespace workloads
