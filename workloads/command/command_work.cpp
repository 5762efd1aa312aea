// SPDX-License-Identifier: Apache-2.0
// A task is a child process: it succeeds if that exits with 0, and its value is what it has written to stdout.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "lab/host_process.hpp"
#include "lab/writing.hpp"
#include "workloads/blocking.hpp"
#include "workloads/command/child.hpp"
#include "workloads/command/command.hpp"
#include "workloads/substitute.hpp"

namespace workloads {

namespace {

std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(nlohmann::json(text).dump());
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

/// A short text as it is, but for the line break at its end; of another its size and digest.
task_value value_of(const captured_text& output) {
  constexpr std::size_t longest = 1000;
  if (output.all.size() == 0) return {.type = "none", .value = {}};
  std::string text = output.kept;
  if (output.all.size() > longest || !is_utf8(text))
    return {.type = "output", .value = fmt::format("{} bytes, FNV-1a {:016x}", output.all.size(), output.all.hash())};
  if (text.ends_with('\n')) text.pop_back();
  return {.type = "output", .value = std::move(text)};
}

class command_work final : public native_work {
 public:
  explicit command_work(command_words words) : words_(std::move(words)) {}

  task_value call(task_input input) override { return run_blocking(call_async(std::move(input))); }

  fanout::task<task_value> call_async(task_input input) override {
    command_words words;
    for (const std::string& word : words_) words.push_back(with_number(word, input.number));
    const finished_child child = co_await run_child(words);
    static_cast<void>(lab::write_all(STDERR_FILENO, child.errors.kept));
    if (child.wait_status != 0) throw std::runtime_error(failure_in_words(words.front(), child));
    task_value value = value_of(child.output);
    value.children = child.used;
    co_return value;
  }

 private:
  static std::string failure_in_words(const std::string& command, const finished_child& child) {
    const std::string ending = lab::describe_exit(child.wait_status);
    std::string text =
        fmt::format("{} {} {}", command, WIFSIGNALED(child.wait_status) ? "was ended by" : "ended with", ending);
    const std::string said = last_line(child.errors.kept);
    return said.empty() ? text : fmt::format("{}: {}", text, said);
  }

  command_words words_;
};

}  // namespace

std::unique_ptr<native_work> make_command_work(command_words words) {
  return std::make_unique<command_work>(std::move(words));
}

}  // namespace workloads
