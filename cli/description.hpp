// SPDX-License-Identifier: Apache-2.0
// The command line as data, read off CLI11's own: completions and the manual page are made of it, so they cannot lag
// behind.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace cli {

struct option_description {
  std::vector<std::string> names;  // "-h", "--help"; of what is no option its name: "WORK"
  std::string value;               // "FORMAT"; empty: it takes none
  std::string about;               // on one line
  std::vector<std::string> words;  // the values there are, if they are words of ours
  bool file = false;               // its value is the name of a file
  bool list = false;               // words may be joined by commas
  bool repeated = false;
};

struct command_description {
  std::string name;
  std::string about;  // in the list of commands
  std::string heading, usage, footer;
  std::vector<option_description> options;
  std::vector<option_description> arguments;  // what is no option
};

struct tool_description {
  command_description tool;
  std::vector<command_description> commands;  // without the hidden ones
};

tool_description describe(const CLI::App& app);

}  // namespace cli
