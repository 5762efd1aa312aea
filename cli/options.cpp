// SPDX-License-Identifier: Apache-2.0
// From texts to values, with messages that say what was wrong.
#include "cli/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <functional>
#include <set>

#include "cli/identifier.hpp"
#include "cli/nearest_word.hpp"
#include "lab/models.hpp"
#include "lab/workload.hpp"

namespace cli {

namespace {

std::vector<std::string> names_of(const std::function<bool(const lab::known_model&)>& wanted) {
  std::vector<std::string> names;
  for (const lab::known_model& model : lab::known_models())
    if (wanted(model)) names.emplace_back(model.name);
  return names;
}

}  // namespace

const std::vector<std::string>& known_models() {
  static const std::vector<std::string> models = names_of([](const lab::known_model&) { return true; });
  return models;
}

std::vector<std::string> default_models() {
  return names_of([](const lab::known_model& model) { return model.role == lab::known_model::usual; });
}

std::vector<std::string> with_peers(std::vector<std::string> models) {
  for (const lab::known_model& model : lab::known_models())
    if (model.role == lab::known_model::peer && std::ranges::find(models, model.name) == models.end())
      models.emplace_back(model.name);
  return models;
}

unsigned parse_count(std::string_view option, std::string_view text, unsigned least, unsigned most) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < least || number > most)
    throw lab::usage_error(fmt::format("{} is a whole number from {} to {}, not '{}'", option, least, most, text));
  return number;
}

std::vector<unsigned> parse_counts(std::string_view option, std::string_view text, unsigned least, unsigned most) {
  constexpr std::size_t most_points = 64;
  std::vector<unsigned> numbers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view item = text.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t dots = item.find("..");
    const unsigned first = parse_count(option, item.substr(0, dots), least, most);
    const unsigned last =
        dots == std::string_view::npos ? first : parse_count(option, item.substr(dots + 2), first, most);
    for (unsigned number = first; number <= last; ++number) {
      if (std::ranges::find(numbers, number) != numbers.end())
        throw lab::usage_error(fmt::format("{} names {} twice", option, number));
      if (numbers.size() == most_points)
        throw lab::usage_error(fmt::format("{} names more than {} numbers", option, most_points));
      numbers.push_back(number);
    }
  }
  return numbers;
}

std::chrono::nanoseconds parse_time(std::string_view option, std::string_view text) {
  constexpr std::pair<std::string_view, double> units[] = {{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}};
  constexpr double longest_s = 365 * 24 * 3600.;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  const std::string_view unit(end, text.data() + text.size());
  for (const auto& [name, seconds] : units)
    if (error == std::errc{} && unit == name && number > 0 && number * seconds <= longest_s)
      return std::chrono::ceil<std::chrono::nanoseconds>(std::chrono::duration<double>(number * seconds));
  throw lab::usage_error(fmt::format("{} is a time such as 500ms, 90s, 2m or 1h, not '{}'", option, text));
}

double parse_share(std::string_view option, std::string_view text) {
  const bool percent = text.ends_with('%');
  const std::string_view digits = text.substr(0, text.size() - (percent ? 1 : 0));
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (percent) number /= 100;
  if (error != std::errc{} || end != digits.data() + digits.size() || !(number > 0 && number < 1))
    throw lab::usage_error(
        fmt::format("{} is a share such as 3% or 0.03, more than 0 and less than 100%, not '{}'", option, text));
  return number;
}

namespace {

lab::usage_error no_model(const std::string& name) {
  const auto meant = nearest(name, known_models());
  return lab::usage_error(fmt::format("there is no model '{}'; {}the models are {}", name,
                                      meant ? fmt::format("did you mean '{}'? ", *meant) : "",
                                      fmt::join(known_models(), ", ")));
}

}  // namespace

std::vector<std::string> parse_models(std::string_view text) {
  if (text == "all")
    return names_of([](const lab::known_model& model) { return model.role != lab::known_model::peer; });
  std::vector<std::string> models;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string model(text.substr(begin, end - begin));
    begin = end + 1;
    const auto& known = known_models();
    if (std::ranges::find(known, model) == known.end()) throw no_model(model);
    if (std::ranges::find(models, model) != models.end())
      throw lab::usage_error(fmt::format("--models names '{}' twice", model));
    models.push_back(model);
  }
  return models;
}

std::string parse_model(std::string_view option, std::string_view text) {
  const std::vector<std::string> models = parse_models(text);
  if (models.size() > 1) throw lab::usage_error(fmt::format("{} is one model, not '{}'", option, text));
  return models.front();
}

std::vector<std::string> parse_kwargs(const std::vector<std::string>& texts) {
  std::set<std::string_view> names;
  for (const std::string& text : texts) {
    const std::string_view name = std::string_view(text).substr(0, text.find('='));
    if (name.size() == text.size() || !is_identifier(name))
      throw lab::usage_error(fmt::format("--kwarg is NAME=VALUE, NAME a parameter of the function, not '{}'", text));
    if (!names.insert(name).second) throw lab::usage_error(fmt::format("--kwarg names {} twice", name));
  }
  return texts;
}

output_format parse_format(std::string_view text) {
  constexpr std::pair<std::string_view, output_format> formats[] = {{"table", output_format::table},
                                                                    {"json", output_format::json},
                                                                    {"csv", output_format::csv},
                                                                    {"md", output_format::markdown}};
  for (const auto& [name, format] : formats)
    if (text == name) return format;
  throw lab::usage_error(fmt::format("--format is table, json, csv or md, not '{}'", text));
}

lab::claim parse_assertion(const std::string& text) {
  const auto made = lab::parse_claim(text);
  if (!made)
    throw lab::usage_error(fmt::format(
        "--assert compares the times of two models, as in 'processes < 0.6*threads', which is not '{}'", text));
  for (const std::string& model : {made->a, made->b})
    if (std::ranges::find(known_models(), model) == known_models().end()) throw no_model(model);
  return *made;
}

}  // namespace cli
