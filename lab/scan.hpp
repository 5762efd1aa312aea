// SPDX-License-Identifier: Apache-2.0
// Several experiments with the same work that differ in the number of tasks or workers: which model is best where.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "lab/record.hpp"
#include "lab/sentences.hpp"
#include "lab/terminal.hpp"

namespace lab {

/// "cpu:1000: 3 points × 4 models, each 5 to 20 rounds in random order".
std::string scan_in_words(const record& first, std::size_t points);

/// A row for each point, in their order: wall times of all models, the best marked (✔; ? if none is shown
/// to be). Under it where the best changes.
/// All points have the same work and models; there is one at least.
std::string show_scan(const std::vector<record>& points, const terminal& out);

/// The same for an issue or a job summary.
std::string show_scan_markdown(const std::vector<record>& points);

/// "serial up to 10 tasks, threads at 100, processes from 1000": of points with as many workers each, or if those
/// change with the same number of tasks; of a grid, for each number of tasks.
std::vector<sentence> scan_sentences(const std::vector<record>& points);

}  // namespace lab
