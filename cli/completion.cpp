// SPDX-License-Identifier: Apache-2.0
// One function for each shell: it writes the words of the description where that shell wants them.
#include "cli/completion.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/nearest_word.hpp"
#include "lab/workload.hpp"

namespace cli {

namespace {

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

/// In single quotes of a POSIX shell.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

std::vector<std::string> names_of(const std::vector<option_description>& options) {
  std::vector<std::string> names;
  for (const option_description& one : options) names.insert(names.end(), one.names.begin(), one.names.end());
  return names;
}

std::vector<std::string> names_of(const std::vector<command_description>& commands) {
  std::vector<std::string> names;
  for (const command_description& one : commands) names.push_back(one.name);
  return names;
}

// --- bash

/// What completes a value, for the word $current.
std::string bash_values(const option_description& value) {
  std::string call = value.list ? "_fanout_list" : "_fanout_words";
  std::string text = value.words.empty() ? "" : fmt::format("{} {}", call, quoted(joined(value.words)));
  if (value.file) text += text.empty() ? "_fanout_files" : "; _fanout_files";
  return text.empty() ? ":" : text;
}

std::string bash_command(const command_description& command) {
  std::string text = fmt::format("    {})\n      case $previous in\n", command.name);
  for (const option_description& option : command.options)
    if (!option.value.empty())
      text += fmt::format("        {}) {}; return ;;\n", fmt::join(option.names, "|"), bash_values(option));
  text += "      esac\n";
  const std::string options = quoted(joined(names_of(command.options)));
  text += fmt::format("      if [[ $current == -* ]]; then _fanout_words {}; return; fi\n", options);
  for (const option_description& argument : command.arguments) text += fmt::format("      {}\n", bash_values(argument));
  return text + "      ;;\n";
}

std::string bash_script(const tool_description& tool) {
  command_description top = tool.tool;
  top.arguments = {{.names = {}, .value = {}, .about = {}, .words = names_of(tool.commands)}};
  std::string cases = bash_command(top);
  for (const command_description& command : tool.commands) cases += bash_command(command);
  return fmt::format(R"(# bash completion for fanout, made by `fanout completion bash`.

_fanout_words() {{
  COMPREPLY+=($(compgen -W "$1" -- "$current"))
  if [[ ${{#COMPREPLY[@]}} -eq 1 && ${{COMPREPLY[0]}} == *: ]]; then compopt -o nospace; fi
}}

# The last of some words that commas join.
_fanout_list() {{
  local before=
  [[ $current == *,* ]] && before=${{current%,*}},
  COMPREPLY+=($(compgen -P "$before" -W "$1" -- "${{current##*,}}"))
}}

_fanout_files() {{
  compopt -o filenames
  local IFS=$'\n'
  COMPREPLY+=($(compgen -f -- "$current"))
}}

_fanout() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} command={} word
  # bash breaks --format=json into three words.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  COMPREPLY=()
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD - 1}}"; do
    case $word in
      {}) command=$word; break ;;
    esac
  done
  case $command in
{}  esac
}}

complete -F _fanout fanout
)",
                     tool.tool.name, fmt::join(names_of(tool.commands), "|"), cases);
}

// --- zsh

/// In an _arguments specification some characters must be escaped.
std::string zsh_escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (std::string_view("[]:\\").contains(c)) result += '\\';
    result += c;
  }
  return result;
}

std::string zsh_values(const option_description& value) {
  std::vector<std::string> words;
  for (const std::string& word : value.words) words.push_back(zsh_escaped(word));
  if (value.list) return fmt::format("_sequence compadd - {}", joined(words));
  if (value.file && words.empty()) return "_files";
  if (value.file) return fmt::format("_alternative \"files:file:_files\" \"kinds:kind:({})\"", joined(words));
  return words.empty() ? " " : fmt::format("({})", joined(words));
}

std::string zsh_option(const option_description& option) {
  const std::string about = fmt::format("[{}]", zsh_escaped(option.about));
  const std::string value =
      option.value.empty() ? "" : fmt::format(":{}:{}", zsh_escaped(option.value), zsh_values(option));
  if (option.names.size() == 1)
    return quoted(fmt::format("{}{}{}{}", option.repeated ? "*" : "", option.names[0], about, value));
  return fmt::format("'({})'{{{}}}{}", joined(option.names), fmt::join(option.names, ","), quoted(about + value));
}

std::string zsh_arguments(const command_description& command) {
  std::string text;
  for (const option_description& option : command.options) text += " \\\n        " + zsh_option(option);
  for (const option_description& argument : command.arguments)
    text += " \\\n        " + quoted(fmt::format("1:{}:{}", argument.value, zsh_values(argument)));
  return text;
}

std::string zsh_script(const tool_description& tool) {
  std::string commands, cases;
  for (const command_description& command : tool.commands) {
    commands += fmt::format("    {}\n", quoted(zsh_escaped(command.name) + ":" + zsh_escaped(command.about)));
    cases += fmt::format("      {})\n        _arguments{}\n        ;;\n", command.name, zsh_arguments(command));
  }
  return fmt::format(R"(#compdef fanout
# zsh completion for fanout, made by `fanout completion zsh`.

_fanout() {{
  local curcontext=$curcontext state line
  local -a commands=(
{})
  _arguments -C{} '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $words[1] in
{}      esac
      ;;
  esac
}}

if [[ $funcstack[1] == _fanout ]]; then _fanout "$@"; else compdef _fanout fanout; fi
)",
                     commands, zsh_arguments(tool.tool), cases);
}

// --- fish

std::string fish_quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result + "'";
}

std::string fish_values(const option_description& value) {
  std::string text;
  if (value.list)
    text = fmt::format(" -a {}", fish_quoted(fmt::format("(__fish_append , {})", joined(value.words))));
  else if (!value.words.empty())
    text = fmt::format(" -a {}", fish_quoted(joined(value.words)));
  return text + (value.file ? " -F" : " -f");
}

std::string fish_option(const std::string& when, const option_description& option) {
  std::string text = fmt::format("complete -c fanout -n {}", fish_quoted(when));
  for (const std::string& name : option.names)
    text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (!option.value.empty()) text += " -r" + fish_values(option);
  return text + " -d " + fish_quoted(option.about) + "\n";
}

std::string fish_script(const tool_description& tool) {
  constexpr auto no_command = "__fish_use_subcommand";
  std::string text = "# fish completion for fanout, made by `fanout completion fish`.\n\ncomplete -c fanout -f\n";
  for (const option_description& option : tool.tool.options) text += fish_option(no_command, option);
  for (const command_description& command : tool.commands) {
    text += fmt::format("complete -c fanout -n {} -a {} -d {}\n", no_command, command.name, fish_quoted(command.about));
    const std::string when = "__fish_seen_subcommand_from " + command.name;
    for (const option_description& option : command.options) text += fish_option(when, option);
    for (const option_description& argument : command.arguments)
      text += fmt::format("complete -c fanout -n {}{}\n", fish_quoted(when), fish_values(argument));
  }
  return text;
}

}  // namespace

std::string completion_script(const tool_description& tool, const std::string& shell) {
  if (shell == "bash") return bash_script(tool);
  if (shell == "zsh") return zsh_script(tool);
  if (shell == "fish") return fish_script(tool);
  if (shell.empty()) throw lab::usage_error("for which shell? fanout completion bash, zsh or fish");
  const auto meant = nearest(shell, {"bash", "zsh", "fish"});
  throw lab::usage_error(fmt::format("fanout completes in bash, zsh and fish, not in '{}'{}", shell,
                                     meant ? fmt::format("; did you mean {}?", *meant) : ""));
}

}  // namespace cli
