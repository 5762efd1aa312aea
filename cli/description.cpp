// SPDX-License-Identifier: Apache-2.0
#include "cli/description.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/options.hpp"
#include "workloads/builtin.hpp"

namespace cli {

namespace {

std::vector<std::string> kinds_of_work() {
  std::vector<std::string> kinds;
  for (const workloads::builtin& one : workloads::builtins()) kinds.push_back(std::string(one.name) + ":");
  kinds.insert(kinds.end(), {"http:", "cmd:"});
  return kinds;
}

/// "table, json, csv or md (table)": the words before the default.
std::vector<std::string> words_of(const std::string& about) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : about.substr(0, about.find(" (")) + ",") {
    if (c != ',' && c != ' ') {
      word += c;
    } else if (!word.empty()) {
      if (word != "or") words.push_back(word);
      word.clear();
    }
  }
  return words;
}

/// By what the help calls a value.
void describe_value(option_description& option) {
  option.file = option.value == "FILE" || option.value == "PATH" || option.value == "WORK";
  option.list = option.value == "LIST";
  if (option.value == "FORMAT") option.words = words_of(option.about);
  if (option.value == "LIST" || option.value == "MODEL") option.words = known_models();
  if (option.value == "SHELL") option.words = {"bash", "zsh", "fish"};
  if (option.value == "WORK") option.words = kinds_of_work();
}

option_description describe(const CLI::Option& option) {
  option_description found;
  for (const std::string& name : option.get_snames()) found.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) found.names.push_back("--" + name);
  found.about = option.get_description();
  std::ranges::replace(found.about, '\n', ' ');
  if (option.get_positional()) {
    found.names = {option.get_name()};
    found.value = option.get_name();
  } else {
    found.value = option.get_option_text();
  }
  found.repeated = option.get_items_expected_max() > 1;
  describe_value(found);
  return found;
}

/// The line of its help that begins with this, without it.
std::string line_of_help(const CLI::App& app, std::string_view begin) {
  // Not app.help(), which is that of the command that was given.
  const std::string help = "\n" + app.get_formatter()->make_help(&app, app.get_name(), CLI::AppFormatMode::Normal);
  const std::size_t at = help.find("\n" + std::string(begin)) + 1 + begin.size();
  return help.substr(at, help.find('\n', at) - at);
}

command_description describe_command(const CLI::App& app) {
  command_description found{.name = app.get_name(),
                            .about = app.get_description(),
                            .heading = line_of_help(app, ""),
                            .usage = line_of_help(app, "Usage: "),
                            .footer = app.get_footer(),
                            .options = {},
                            .arguments = {}};
  for (const CLI::Option* option : app.get_options())
    (option->get_positional() ? found.arguments : found.options).push_back(describe(*option));
  return found;
}

}  // namespace

tool_description describe(const CLI::App& app) {
  tool_description found{.tool = describe_command(app), .commands = {}};
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (!command->get_group().empty()) found.commands.push_back(describe_command(*command));
  return found;
}

}  // namespace cli
