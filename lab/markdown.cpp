// SPDX-License-Identifier: Apache-2.0
// The same table and sentences as on a terminal.
#include "lab/markdown.hpp"

#include <fmt/format.h>

#include "lab/cost_table.hpp"
#include "lab/sentences.hpp"

namespace lab {

std::string escaped_markdown(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    if (std::string_view("\\`*_<>[]").contains(c)) plain += '\\';
    plain += c;
  }
  return plain;
}

std::string show_markdown(const record& experiment, const analysis& found, unsigned heading) {
  std::string text =
      fmt::format("{} {}\n\n{}\n\n{}\n", std::string(heading, '#'), escaped_markdown(work_in_words(experiment)),
                  escaped_markdown(plan_in_words(experiment)), cost_table(experiment, found).show_markdown());
  for (const sentence& said : sentences(experiment, found))
    text += fmt::format("- {}{}{}\n", said.mark == " " ? "" : said.mark, said.mark == " " ? "" : " ",
                        escaped_markdown(said.text));
  return text;
}

}  // namespace lab
