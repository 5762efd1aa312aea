// SPDX-License-Identifier: Apache-2.0
// Claims read, and held against the interval of their pair.
#include "lab/claim.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "lab/format.hpp"
#include "lab/terminal.hpp"

namespace lab {

namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

struct side {
  std::string model;
  double factor;
};

/// "0.6*threads", "0.6 threads" is none, "threads".
std::optional<side> parse_side(std::string_view text) {
  double factor = 1;
  if (const auto star = text.find('*'); star != std::string_view::npos) {
    const std::string_view digits = trimmed(text.substr(0, star));
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), factor);
    if (error != std::errc{} || end != digits.data() + digits.size() || !(factor > 0) || !std::isfinite(factor))
      return std::nullopt;
    text.remove_prefix(star + 1);
  }
  text = trimmed(text);
  if (text.empty() || text.find_first_of(" *<>=") != std::string_view::npos) return std::nullopt;
  return side{std::string(text), factor};
}

/// Of the time of a over that of b.
struct measured_ratio {
  double ratio;
  std::optional<interval> range;
};

std::optional<measured_ratio> ratio_of(const claim& made, const analysis& found) {
  for (const comparison& pair : found.pairs) {
    const std::string &a = found.compared[pair.a], &b = found.compared[pair.b];
    const bool swapped = a == made.b && b == made.a;
    if (!swapped && (a != made.a || b != made.b)) continue;
    measured_ratio times{.ratio = 1 / pair.ratio, .range = {}};  // the pair has that of speeds
    if (pair.evidence)
      times.range = {1 / pair.evidence->ratio.high, 1 / pair.evidence->ratio.low, pair.evidence->ratio.level};
    if (!swapped) return times;
    times.ratio = pair.ratio;
    if (pair.evidence) times.range = pair.evidence->ratio;
    return times;
  }
  return std::nullopt;
}

std::string why_not_compared(const claim& made, const analysis& found) {
  if (found.values_differ()) return "the models' results differ";
  for (const std::string& model : {made.a, made.b})
    if (std::ranges::find(found.compared, model) == found.compared.end()) return model + " was not measured";
  return "neither is the reference, with which alone models were compared";
}

judgement not_shown(const std::string& text, bool open = false) {
  return {.open = open, .said = {"✘", ansi::red, text}};
}

}  // namespace

std::optional<claim> parse_claim(const std::string& text) {
  const auto at = text.find_first_of("<>");
  if (at == std::string::npos) return std::nullopt;
  auto left = parse_side(std::string_view(text).substr(0, at)),
       right = parse_side(std::string_view(text).substr(at + 1));
  if (!left || !right || left->model == right->model) return std::nullopt;
  if (text[at] == '>') std::swap(left, right);
  const double factor = right->factor / left->factor;
  if (!(factor > 0) || !std::isfinite(factor)) return std::nullopt;
  return claim{.text = text, .a = left->model, .b = right->model, .factor = factor};
}

judgement judge(const claim& made, const analysis& found) {
  const auto times = ratio_of(made, found);
  if (!times) return not_shown(fmt::format("{} cannot be judged: {}", made.text, why_not_compared(made, found)));
  std::string text = fmt::format("{} takes {} times as long as {}", made.a, format_factor(times->ratio), made.b);
  if (!times->range) return not_shown(fmt::format("{} is not shown: {}, in one round", made.text, text), true);
  text += fmt::format(" ({} to {})", format_factor(times->range->low), format_factor(times->range->high));
  if (times->range->high < made.factor)
    return {.shown = true, .said = {"✔", ansi::green, fmt::format("{}: {}", made.text, text)}};
  if (times->range->low > made.factor) return not_shown(fmt::format("{} is false: {}", made.text, text));
  return not_shown(fmt::format("{} is not shown: {}; more rounds may show it", made.text, text), true);
}

}  // namespace lab
