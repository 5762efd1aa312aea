// SPDX-License-Identifier: Apache-2.0
// The same table and sentences as on a terminal.
#include "lab/markdown.hpp"

#include <fmt/format.h>

#include "lab/cost_table.hpp"
#include "lab/sentences.hpp"

namespace lab {

namespace {

/// Text as it is: what it says may come from a file name or an error.
std::string escaped(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    if (std::string_view("\\`*_<>[]").contains(c)) plain += '\\';
    plain += c;
  }
  return plain;
}

}  // namespace

std::string show_markdown(const record& experiment, const analysis& found, unsigned heading) {
  std::string text = fmt::format("{} {}\n\n{}\n\n{}\n", std::string(heading, '#'), escaped(work_in_words(experiment)),
                                 escaped(plan_in_words(experiment)), cost_table(experiment, found).show_markdown());
  for (const sentence& said : sentences(experiment, found))
    text +=
        fmt::format("- {}{}{}\n", said.mark == " " ? "" : said.mark, said.mark == " " ? "" : " ", escaped(said.text));
  return text;
}

}  // namespace lab
