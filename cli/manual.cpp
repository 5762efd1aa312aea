// SPDX-License-Identifier: Apache-2.0
// In the man macros, of which groff and mandoc know the same.
#include "cli/manual.hpp"

#include <fmt/format.h>

namespace cli {

namespace {

/// A dot or quote that begins a line is a request, a hyphen may be broken or drawn as another character.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (result.empty() || result.back() == '\n')) result += "\\&";
    if (c == '-')
      result += "\\-";
    else if (c == '\\')
      result += "\\e";
    else if (c == '\'')
      result += "\\(aq";
    else if (c == '^')
      result += "\\(ha";
    else if (c == '~')
      result += "\\(ti";
    else
      result += c;
  }
  return result;
}

std::string in_bold(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "\\fB" : ", \\fB") + escaped(word) + "\\fR";
  return text;
}

std::string options(const std::vector<option_description>& all) {
  std::string text;
  for (const option_description& option : all) {
    const std::string value = option.value.empty() ? "" : " \\fI" + escaped(option.value) + "\\fR";
    text += fmt::format(".TP\n{}{}\n{}\n", in_bold(option.names), value, escaped(option.about));
  }
  return text;
}

/// The end of a help text, as it stands there.
std::string as_it_stands(const std::string& text) { return ".PP\n.nf\n" + escaped(text) + "\n.fi\n"; }

std::string command(const command_description& one) {
  return fmt::format(".SS {}\n{}\n{}{}", escaped(one.usage), escaped(one.heading), options(one.options),
                     as_it_stands(one.footer));
}

}  // namespace

std::string manual_page(const tool_description& tool) {
  std::string text = fmt::format(".TH FANOUT 1 " FANOUT_DATE
                                 " \"fanout {}\" \"User Commands\"\n"
                                 ".SH NAME\nfanout \\- find out which concurrency model is best\n"
                                 ".SH SYNOPSIS\n.B fanout\n.I COMMAND\n[\\fIOPTIONS\\fR]\n"
                                 ".SH DESCRIPTION\n{}\n.SH OPTIONS\n{}{}.SH COMMANDS\n",
                                 FANOUT_VERSION, escaped(tool.tool.heading), options(tool.tool.options),
                                 as_it_stands(tool.tool.footer));
  for (const command_description& one : tool.commands) text += command(one);
  return text;
}

}  // namespace cli
