// SPDX-License-Identifier: Apache-2.0
// What `fanout costs` measures, and what the notebook claims of it.
#pragma once

#include <limits>
#include <span>
#include <string_view>

#include "lab/costs/effort.hpp"

namespace lab::costs {

enum class unit { seconds, bytes, factor };

/// What the notebook says of a cost: it is in this range.
struct notebook_claim {
  std::string_view words;  // for the table: "1–10 µs"; empty: it says nothing of this cost
  double low = 0;
  double high = std::numeric_limits<double>::infinity();
};

struct cost {
  std::string_view id;  // "switch.threads"; part of the face
  std::string_view group;
  std::string_view name;
  lab::costs::unit unit = unit::seconds;
  notebook_claim claim{};

  /// Seconds or bytes per operation. Null if it is a factor: how many times as large `of` is as `over`, which both come
  /// before.
  measurement (*measure)(const effort&) = nullptr;
  std::string_view of{}, over{};
};

/// In the order in which they are measured and shown.
std::span<const cost> catalogue();

/// Null if there is none of that id.
const cost* find_cost(std::string_view id);

}  // namespace lab::costs
