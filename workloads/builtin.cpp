// SPDX-License-Identifier: Apache-2.0
// The table of built-in workloads, and how their names are read.
#include "workloads/builtin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "workloads/builtin/kinds.hpp"

namespace workloads {

namespace {

/// The question that a wrong amount is answered with, and what would be right.
lab::usage_error wrong_amount(const builtin& work, std::string_view text) {
  const std::string given = fmt::format("{}:{}", work.name, text),
                    right = fmt::format("{}:{}", work.name, work.example);
  switch (work.in) {
    case builtin::unit::seconds:
      return lab::usage_error(fmt::format("{}: how long? In seconds, more than 0 and at most {}: {}:1 or {}", given,
                                          work.most / 1'000'000'000, work.name, right));
    case builtin::unit::count:
      return lab::usage_error(fmt::format("{}: how many? A whole number from 1 to {}: {}", given, work.most, right));
    case builtin::unit::bytes:
      break;
  }
  return lab::usage_error(fmt::format("{}: how many bytes? A whole number from 1 to {}: {}", given, work.most, right));
}

/// The whole text as a number; nothing if it is none.
template <class Number, class... Format>
std::optional<Number> number_of(std::string_view text, Format... format) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, format...);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

std::uint64_t parse_amount(const builtin& work, std::string_view text) {
  std::optional<std::uint64_t> amount;
  if (work.in != builtin::unit::seconds) {
    amount = number_of<std::uint64_t>(text);
  } else if (const auto seconds = number_of<double>(text, std::chars_format::fixed);
             seconds && *seconds * 1e9 <= static_cast<double>(work.most)) {
    amount = static_cast<std::uint64_t>(std::llround(std::max(*seconds, 0.0) * 1e9));
  }
  if (!amount || *amount == 0 || *amount > work.most) throw wrong_amount(work, text);
  return *amount;
}

}  // namespace

std::span<const builtin> builtins() {
  static const builtin table[] = {sleep_kind(), block_kind(),  cpu_kind(),   uneven_kind(), mixed_kind(),
                                  lock_kind(),  memory_kind(), alloc_kind(), data_kind()};
  return table;
}

std::optional<builtin_spec> parse_builtin(std::string_view spec) {
  const std::size_t colon = spec.find(':');
  for (const builtin& work : builtins())
    if (colon != std::string_view::npos && spec.substr(0, colon) == work.name)
      return builtin_spec{.work = &work, .amount = parse_amount(work, spec.substr(colon + 1))};
  return std::nullopt;
}

}  // namespace workloads
