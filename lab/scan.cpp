// SPDX-License-Identifier: Apache-2.0
// One row per point, one column per model.
#include "lab/scan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "lab/analysis.hpp"
#include "lab/format.hpp"
#include "lab/markdown.hpp"
#include "lab/table.hpp"
#include "lab/view.hpp"

namespace lab {

namespace {

using names = std::vector<std::string>;

bool is_unavailable(const record& point, const std::string& model) {
  return std::ranges::find(point.unavailable, model, &unavailable_model::model) != point.unavailable.end();
}

/// The models than which none is shown to be faster, and whether they are shown to be equal (or there is one).
struct best_models {
  names models;
  bool equal = true;
};

best_models best_of(const record& point, const analysis& found) {
  best_models best;
  for (const std::string& model : point.models)
    for (const model_summary& measured : found.models)
      if (measured.model == model && measured.rank == 1) best.models.push_back(model);
  for (const std::string& a : best.models)
    for (const std::string& b : best.models) {
      const verdict outcome = found.between(a, b);
      best.equal = best.equal && (a == b || outcome == verdict::equivalent || outcome == verdict::negligible);
    }
  return best;
}

/// The wall times of the models, in one unit, as far as there are any; with ✔ the best, with ? those that may be.
names walls_in_words(const record& point, const analysis& found) {
  std::vector<double> wall_s;
  for (const model_summary& model : found.models) wall_s.push_back(model.median_s);
  const names walls = format_seconds(wall_s);
  const best_models best = best_of(point, found);
  names cells;
  for (const std::string& model : point.models) {
    const auto at = std::ranges::find(found.models, model, &model_summary::model);
    if (at == found.models.end()) {
      cells.push_back(is_unavailable(point, model) ? "n/a  " : point.order.empty() ? "–  " : "failed  ");
      continue;
    }
    const bool leads = std::ranges::find(best.models, model) != best.models.end();
    cells.push_back(walls[static_cast<std::size_t>(at - found.models.begin())] + (!leads       ? "  "
                                                                                  : best.equal ? " ✔"
                                                                                               : " ?"));
  }
  return cells;
}

table scan_table(const std::vector<record>& points) {
  std::vector<table::column> columns = {{"tasks"}, {"workers"}};
  for (const std::string& model : points.front().models) columns.push_back({model + "  "});
  table rows(std::move(columns), 3);
  for (const record& point : points) {
    names cells = {std::to_string(point.tasks), std::to_string(point.workers)};
    std::ranges::move(walls_in_words(point, analyse(point)), std::back_inserter(cells));
    rows.add_row(std::move(cells));
  }
  return rows;
}

/// "threads", "async and threads" where they are shown to be equal, "async or threads" where nothing is shown.
std::string best_in_words(const record& point) {
  const analysis found = analyse(point);
  if (found.values_differ()) return "no verdict";
  const best_models best = best_of(point, found);
  if (best.models.empty()) return "nothing";
  return best.equal ? format_list(best.models) : fmt::format("{}", fmt::join(best.models, " or "));
}

/// The best over neighbouring points.
struct stretch {
  std::string best;
  unsigned first, last;
};

/// "serial up to 10 tasks, threads at 100, processes from 1000".
std::string stretches_in_words(const std::vector<stretch>& all, std::string_view unit) {
  std::string text;
  for (const stretch& one : all) {
    if (&one == &all.front())
      text = fmt::format("{} up to {}", one.best, counted(one.last, unit));
    else if (&one == &all.back())
      text += fmt::format(", {} from {}", one.best, one.first);
    else if (one.first == one.last)
      text += fmt::format(", {} at {}", one.best, one.first);
    else
      text += fmt::format(", {} from {} to {}", one.best, one.first, one.last);
  }
  return text;
}

/// Of points that differ in one number.
std::string change_in_words(std::vector<const record*> points, unsigned record::* axis) {
  std::ranges::sort(points, {}, [&](const record* point) { return point->*axis; });
  std::vector<stretch> all;
  for (const record* point : points) {
    const std::string best = best_in_words(*point);
    if (all.empty() || all.back().best != best) all.push_back({.best = best, .first = point->*axis, .last = 0});
    all.back().last = point->*axis;
  }
  if (all.size() == 1) return points.size() == 1 ? all.front().best : all.front().best + " everywhere";
  return stretches_in_words(all, axis == &record::tasks ? "task" : "worker");
}

/// Whether the points are all pairs of several numbers of tasks and several of workers.
bool is_grid(const std::vector<record>& points) {
  std::set<unsigned> tasks, workers;
  for (const record& point : points) {
    tasks.insert(point.tasks);
    workers.insert(point.workers);
  }
  return tasks.size() > 1 && workers.size() > 1 && tasks.size() * workers.size() == points.size();
}

}  // namespace

std::string scan_in_words(const record& first, std::size_t points) {
  const std::vector<unsigned>& looks = first.test.looks;
  return fmt::format("{}: {} × {}, each {}{} in random order", first.title, counted(points, "point"),
                     counted(first.models.size(), "model"),
                     looks.size() > 1 ? fmt::format("{} to ", looks.front()) : "", counted(looks.back(), "round"));
}

std::vector<sentence> scan_sentences(const std::vector<record>& points) {
  if (is_grid(points)) {
    std::map<unsigned, std::vector<const record*>> by_tasks;
    for (const record& point : points) by_tasks[point.tasks].push_back(&point);
    std::vector<sentence> all;
    for (const auto& [tasks, row] : by_tasks)
      all.push_back({"✔", ansi::green,
                     fmt::format("best with {}: {}", counted(tasks, "task"), change_in_words(row, &record::workers))});
    return all;
  }
  std::vector<const record*> row;
  for (const record& point : points) row.push_back(&point);
  const bool same_tasks =
      std::ranges::all_of(points, [&](const record& point) { return point.tasks == points[0].tasks; });
  return {{"✔", ansi::green, "best: " + change_in_words(row, same_tasks ? &record::workers : &record::tasks)}};
}

std::string show_scan(const std::vector<record>& points, const terminal& out) {
  std::string text = scan_table(points).show(out) + "\n";
  for (const sentence& said : scan_sentences(points)) text += show_sentence(said, out);
  return text;
}

std::string show_scan_markdown(const std::vector<record>& points) {
  std::string text = fmt::format("### {}\n\n{}\n", escaped_markdown(scan_in_words(points.front(), points.size())),
                                 scan_table(points).show_markdown());
  for (const sentence& said : scan_sentences(points))
    text += fmt::format("- {} {}\n", said.mark, escaped_markdown(said.text));
  return text;
}

}  // namespace lab
