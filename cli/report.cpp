// SPDX-License-Identifier: Apache-2.0
// Views of records to stdout and stderr.
#include "cli/report.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "cli/output.hpp"
#include "lab/analysis.hpp"
#include "lab/csv.hpp"
#include "lab/format.hpp"
#include "lab/markdown.hpp"
#include "lab/scan.hpp"
#include "lab/terminal.hpp"
#include "lab/view.hpp"
#include "lab/workload.hpp"
#include "lab/writing.hpp"

namespace cli {

namespace {

lab::terminal out() { return lab::terminal::of(STDOUT_FILENO); }

std::string bold(const std::string& text) {
  return out().colour ? fmt::format("{}{}{}", lab::ansi::bold, text, lab::ansi::plain) : text;
}

bool anything_undecided(const lab::analysis& found) {
  return std::ranges::find(found.pairs, lab::verdict::undecided, &lab::comparison::outcome) != found.pairs.end();
}

exit_code code_of(const lab::analysis& found, bool all_shown, bool strict) {
  if (!found.failures.empty()) return task_failed;
  if (found.values_differ()) return results_differ;
  if (!all_shown) return assertion_failed;
  return strict && anything_undecided(found) ? undecided : ok;
}

/// Of what was asserted; what is not shown goes to stderr too, where no table is.
bool report_claims(const std::vector<lab::claim>& claims, const lab::analysis& found, bool table) {
  bool all_shown = true;
  for (const lab::claim& made : claims) {
    const lab::judgement judged = lab::judge(made, found);
    if (table) write_out(lab::show_sentence(judged.said, out()));
    if (!judged.shown) lab::say(fmt::format("fanout: --assert: {}\n", judged.said.text));
    all_shown = all_shown && judged.shown;
  }
  return all_shown;
}

std::string csv_document(const std::vector<comparison_outcome>& outcomes) {
  std::string text = lab::csv_header();
  for (const comparison_outcome& outcome : outcomes)
    text += lab::csv_lines(outcome.record, lab::analyse(outcome.record));
  return text;
}

std::string markdown_document(const std::vector<comparison_outcome>& outcomes) {
  std::string text;
  for (const comparison_outcome& outcome : outcomes)
    text += (text.empty() ? "" : "\n") + lab::show_markdown(outcome.record, lab::analyse(outcome.record));
  return text;
}

}  // namespace

std::string heading(std::size_t number, std::size_t of, const std::string& name) {
  return fmt::format("{}{}  ", number > 1 ? "\n" : "", bold(fmt::format("{}/{} {}", number, of, name)));
}

void report_plan(const lab::record& experiment) { write_out(lab::show_plan(experiment, out()) + "\n"); }

comparison_outcome report_result(lab::record experiment, std::string name, const report_options& options) {
  const lab::analysis found = lab::analyse(experiment);
  const bool table = options.format == output_format::table;
  if (table) write_out(lab::show_result(experiment, found, out()));
  lab::say(lab::show_problems(experiment, found));
  const bool all_shown = report_claims(options.claims, found, table);
  std::string headline = lab::headline(experiment, found);
  return {.record = std::move(experiment),
          .name = std::move(name),
          .headline = std::move(headline),
          .measured_anything = !found.models.empty(),
          .code = code_of(found, all_shown, options.strict)};
}

void refuse_claims(const report_options& options) {
  if (!options.claims.empty())
    throw lab::usage_error(
        "--assert needs one comparison to hold for: the notebook and scans are several, with different winners");
}

std::string text_of(const nlohmann::ordered_json& document) {
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string json_document(const lab::record& experiment) { return text_of(lab::to_json(experiment)); }

std::string scan_document(const std::vector<comparison_outcome>& points) {
  nlohmann::ordered_json all = {{"$schema", lab::record_schema}, {"fanout", FANOUT_VERSION}};
  for (const comparison_outcome& point : points) all["points"].push_back(lab::to_json(point.record));
  return text_of(all);
}

report_options point_report(report_options whole) {
  whole.format = output_format::json;  // which prints nothing before the end
  return whole;
}

std::string json_document(const std::vector<comparison_outcome>& outcomes) {
  nlohmann::ordered_json all = {{"$schema", lab::record_schema}, {"fanout", FANOUT_VERSION}};
  for (const comparison_outcome& outcome : outcomes) {
    nlohmann::ordered_json one = lab::to_json(outcome.record);
    one["name"] = outcome.name;
    all["comparisons"].push_back(std::move(one));
  }
  return text_of(all);
}

exit_code report_end(const comparison_outcome& outcome, output_format format) {
  if (format == output_format::json) write_out(json_document(outcome.record));
  if (format == output_format::csv) write_out(csv_document({outcome}));
  if (format == output_format::markdown) write_out(markdown_document({outcome}));
  if (format == output_format::table && outcome.measured_anything) write_out("\n" + lab::show_legend(out()));
  if (outcome.code != ok || outcome.measured_anything) return outcome.code;
  const auto& why = outcome.record.unavailable;
  const std::string reason = why.empty() ? "no model has a whole round" : lab::first_line(why.front().reason);
  lab::say(fmt::format("fanout: nothing could be measured: {}\n", reason));
  return task_failed;
}

exit_code report_end(const std::vector<comparison_outcome>& outcomes, output_format format) {
  if (format == output_format::json) {
    write_out(json_document(outcomes));
  } else if (format == output_format::csv) {
    write_out(csv_document(outcomes));
  } else if (format == output_format::markdown) {
    write_out(markdown_document(outcomes));
  } else {
    std::string text = "\n" + bold("In short") + "\n";
    for (const comparison_outcome& outcome : outcomes)
      text += fmt::format(" {:<17} {}\n", outcome.name, lab::wrapped(outcome.headline, out().width, 19));
    write_out(text + "\n" + lab::show_legend(out()));
  }
  return std::ranges::max(outcomes, {}, &comparison_outcome::code).code;
}

exit_code report_scan_end(const std::vector<comparison_outcome>& points, output_format format) {
  std::vector<lab::record> records;
  for (const comparison_outcome& point : points) records.push_back(point.record);
  if (format == output_format::json)
    write_out(scan_document(points));
  else if (format == output_format::csv)
    write_out(csv_document(points));
  else if (format == output_format::markdown)
    write_out(lab::show_scan_markdown(records));
  else
    write_out(bold(lab::scan_in_words(records.front(), records.size())) + "\n\n" + lab::show_scan(records, out()));
  return std::ranges::max(points, {}, &comparison_outcome::code).code;
}

}  // namespace cli
