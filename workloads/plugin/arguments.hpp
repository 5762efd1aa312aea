// SPDX-License-Identifier: Apache-2.0
// What --arg texts mean to a plugin: JSON, else the text itself.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "fanout/detail/plugin.hpp"

namespace workloads {

/// The arguments of one task, and all that they point to. Numbers stay text: no digit is lost.
class plugin_argument_list {
 public:
  /// With the number in the place of '{i}'. Never fails: what is no JSON is a text.
  plugin_argument_list(const std::vector<std::string>& texts, unsigned number);
  plugin_argument_list(const plugin_argument_list&) = delete;
  plugin_argument_list& operator=(const plugin_argument_list&) = delete;

  fanout::detail::plugin_arguments view() const { return {.values = values_.data(), .count = values_.size()}; }

 private:
  friend class json_handler;

  std::vector<fanout::detail::plugin_value> values_;
  std::deque<std::string> texts_;                                  // none moves when more come,
  std::deque<std::vector<fanout::detail::plugin_value>> lists_{};  // nor what they hold
};

}  // namespace workloads
