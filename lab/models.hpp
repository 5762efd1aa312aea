// SPDX-License-Identifier: Apache-2.0
// The models by name, and what they have in common.
#pragma once

#include <span>
#include <string_view>

namespace lab {

/// Those of a kind run tasks in the same way, and differ in who does it.
enum class model_kind { one_by_one, loop, threads, processes, interpreters };

struct known_model {
  std::string_view name;
  model_kind kind;
  enum { usual, special, peer } role;  // compared if nothing else is asked for; a variant of ours; somebody else's

  /// Its tasks are handed to workers.
  bool is_pool() const { return kind != model_kind::one_by_one && kind != model_kind::loop; }
};

/// In the order in which they are shown. The usual ones of a kind come first.
std::span<const known_model> known_models();

/// Null: of that name there is none.
const known_model* find_model(std::string_view name);

}  // namespace lab
