// SPDX-License-Identifier: Apache-2.0
// The same table and sentences as on a terminal.
#include "lab/markdown.hpp"

#include <fmt/format.h>

#include "lab/cost_table.hpp"
#include "lab/diagnosis.hpp"
#include "lab/sentences.hpp"
#include "lab/time_bars.hpp"

namespace lab {

std::string escaped_markdown(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    if (std::string_view("\\`*_<>[]").contains(c)) plain += '\\';
    plain += c;
  }
  return plain;
}

namespace {

/// That rounds were disturbed is said with the verdict already.
std::string markdown_of(const diagnosis& why) {
  std::string text;
  const auto add = [&](const char* label, const std::string& said) {
    text += fmt::format("- {}: {}\n", label, escaped_markdown(said));
  };
  for (const finding& one : why.why) add("why", one.text);
  if (why.best_possible) add("at best", best_possible_in_words(*why.best_possible));
  if (!why.advice.empty()) add("advice", why.advice);
  for (const finding& one : why.cautions)
    if (one.rule != "disturbed") add("caution", one.text);
  return text.empty() ? text : "\n" + text;
}

}  // namespace

std::string show_markdown(const record& experiment, const analysis& found, unsigned heading) {
  std::string text =
      fmt::format("{} {}\n\n{}\n\n{}", std::string(heading, '#'), escaped_markdown(work_in_words(experiment)),
                  escaped_markdown(plan_in_words(experiment)), cost_table(experiment, found).show_markdown());
  text += markdown_of_time(found) + "\n";
  for (const sentence& said : sentences(experiment, found))
    text += fmt::format("- {}{}{}\n", said.mark == " " ? "" : said.mark, said.mark == " " ? "" : " ",
                        escaped_markdown(said.text));
  return text + markdown_of(diagnose(experiment, found));
}

}  // namespace lab
