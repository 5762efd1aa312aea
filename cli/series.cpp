// SPDX-License-Identifier: Apache-2.0
#include "cli/series.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "lab/interruption.hpp"
#include "lab/writing.hpp"

namespace cli {

namespace {

/// All of them, as far as they have come.
void keep(const series& all, std::vector<comparison_outcome> outcomes, std::optional<lab::record> under_way,
          export_file& file) {
  const std::size_t whole = outcomes.size();
  if (whole == 0 && !under_way) return;
  const lab::record first = whole > 0 ? outcomes.front().record : *under_way;
  while (outcomes.size() < all.size) {
    const std::size_t i = outcomes.size();
    comparison_outcome& next = outcomes.emplace_back();
    if (i < all.names.size()) next.name = all.names[i];
    next.record = i == whole && under_way ? std::move(*under_way) : all.unbegun(i, first);
  }
  file.write(all.document(outcomes));
  lab::say(fmt::format("fanout: {0} has {1} of {2} comparisons whole; fanout compare --resume {0} goes on\n",
                       file.path(), whole, all.size));
}

}  // namespace

unsigned still_to_measure(const recorded& begun) {
  return static_cast<unsigned>(std::ranges::count_if(begun.records, &lab::record::interrupted));
}

std::vector<comparison_outcome> run_series(const series& all, export_file* file) {
  std::vector<comparison_outcome> outcomes;
  std::optional<lab::record> under_way;
  try {
    while (outcomes.size() < all.size)
      outcomes.push_back(all.measure(outcomes.size(), [&](lab::record rounds) { under_way = std::move(rounds); }));
  } catch (const lab::interrupted&) {
    if (file != nullptr) keep(all, std::move(outcomes), std::move(under_way), *file);
    throw;
  }
  if (file != nullptr) file->write(all.document(outcomes));
  return outcomes;
}

}  // namespace cli
