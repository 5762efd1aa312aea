// SPDX-License-Identifier: Apache-2.0
#include "lab/doctor/view.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace lab::doctor {

namespace {

std::string styled(std::string_view style, const std::string& text, const terminal& out) {
  return out.colour ? fmt::format("{}{}{}", style, text, ansi::plain) : text;
}

std::size_t widest_name(const std::vector<section>& all) {
  std::size_t widest = 0;
  for (const section& one : all)
    for (const fact& found : one.facts) widest = std::max(widest, columns(found.name));
  return widest;
}

std::string line_of(const fact& found, std::size_t names, const terminal& out) {
  const std::size_t before = 3 + names + 2;
  const std::string name = found.name + std::string(names - columns(found.name), ' ');
  std::string text = fmt::format(" {} {}  {}\n", found.advice.empty() ? " " : styled(ansi::yellow, "!", out), name,
                                 wrapped(found.text, out.width, before));
  if (!found.advice.empty()) {
    constexpr std::string_view arrow = "→ ";
    const std::size_t indent = 5 + columns(arrow);
    text += std::string(5, ' ') + styled(ansi::yellow, std::string(arrow), out) +
            wrapped(found.advice, out.width, indent) + "\n";
  }
  return text;
}

}  // namespace

std::string show(const std::vector<section>& all, const terminal& out) {
  const std::size_t names = widest_name(all);
  std::string text;
  for (const section& one : all) {
    text += (text.empty() ? "" : "\n") + styled(ansi::bold, one.name, out) + "\n";
    for (const fact& found : one.facts) text += line_of(found, names, out);
  }
  return text;
}

nlohmann::ordered_json to_json(const std::vector<section>& all) {
  nlohmann::ordered_json result;
  auto advice = nlohmann::ordered_json::array();
  for (const section& one : all) {
    result[one.id] = nlohmann::ordered_json::object();
    for (const fact& found : one.facts) {
      result[one.id][found.id] = found.value;
      if (!found.advice.empty()) advice.push_back({{"about", one.id + "." + found.id}, {"text", found.advice}});
    }
  }
  result["advice"] = std::move(advice);
  return result;
}

}  // namespace lab::doctor
