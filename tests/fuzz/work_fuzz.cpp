// SPDX-License-Identifier: Apache-2.0
// WORK as a user may type it: it is taken apart, or refused in words, and nothing else.
#include <string>
#include <string_view>
#include <variant>

#include "cli/work_syntax.hpp"
#include "input.hpp"

namespace {

using fanout_fuzz::require;

/// In quotes that mean the same again.
std::string quoted(const std::string& word) {
  std::string text = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

struct checker {
  const std::string& typed;

  void operator()(const workloads::builtin_spec& spec) const {
    require(spec.amount > 0 && spec.amount <= spec.work->most, "an amount is within its limits");
  }
  void operator()(const cli::python_function& python) const {
    require(python.file.empty() != python.module.empty(), "it is in a file, or in a module");
    require(!python.function.empty(), "a function has a name");
    require(python.file + python.module + ":" + python.function == typed, "nothing is lost");
  }
  void operator()(const workloads::plugin_spec& plugin) const {
    require(plugin.file.contains(".so"), "a library has its name");
    require(plugin.file + ":" + plugin.function == typed || plugin.file == typed, "nothing is lost");
  }
  void operator()(const workloads::http_spec& spec) const {
    for (const unsigned number : {0U, 1U, 4294967295U}) {
      const workloads::http_target target = workloads::target_of(spec, number);
      require(!target.host.empty() && target.port > 0, "there is somebody to ask");
      require(target.path.starts_with('/'), "a path is absolute");
      for (const std::string& part : {target.path, target.host_and_port})
        require(part.find_first_of(" \r\n") == std::string::npos, "nothing can be smuggled into the request");
    }
  }
  void operator()(const workloads::command_words& words) const {
    require(!words.empty() && !words.front().empty(), "there is a command");
    std::string again = "cmd:";
    for (const std::string& word : words) again += quoted(word) + " ";
    require(workloads::parse_command(again) == words, "quoted, words are the same");
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string typed(reinterpret_cast<const char*>(data), size);
  try {
    std::visit(checker{typed}, cli::parse_work(typed));
  } catch (const lab::usage_error& error) {
    require(!std::string_view(error.what()).empty(), "a refusal has words");
  }
  static_cast<void>(cli::is_work(typed));
  return 0;
}
