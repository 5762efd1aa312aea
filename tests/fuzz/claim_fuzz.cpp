// SPDX-License-Identifier: Apache-2.0
// `--assert` with any text: refused with a message, or a claim about two models, judged the same whichever way round it
// is written.
#include <cmath>
#include <string>

#include "cli/options.hpp"
#include "input.hpp"
#include "lab/analysis.hpp"
#include "lab/claim.hpp"
#include "lab/workload.hpp"
#include "tests/lab/sample_record.hpp"

namespace {

using fanout_fuzz::require;

/// "a < b" as "b > a".
std::string turned_round(const std::string& text) {
  const auto at = text.find_first_of("<>");
  return text.substr(at + 1) + (text[at] == '<' ? '>' : '<') + text.substr(0, at);
}

void look_at(const lab::claim& made) {
  static const lab::analysis found = lab::analyse(sample_record());
  require(made.factor > 0 && std::isfinite(made.factor), "a factor is one");
  require(made.a != made.b, "a claim is about two models");
  const auto same = lab::parse_claim(turned_round(made.text));
  require(same && same->a == made.a && same->b == made.b && same->factor == made.factor, "turned round it is the same");
  const lab::judgement judged = lab::judge(made, found);
  require(!judged.shown || !judged.open, "what is shown is not open");
  require(judged.said.text.find(made.text) != std::string::npos, "what is said names the claim");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto made = lab::parse_claim(text)) look_at(*made);
  try {
    const lab::claim known = cli::parse_assertion(text);
    require(known.text == text, "it is kept as it was made");
  } catch (const lab::usage_error& error) {
    require(*error.what() != '\0', "what is refused is refused with a reason");
  }
  return 0;
}
