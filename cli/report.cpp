// SPDX-License-Identifier: Apache-2.0
// Views of records to stdout and stderr.
#include "cli/report.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "cli/output.hpp"
#include "lab/analysis.hpp"
#include "lab/terminal.hpp"
#include "lab/view.hpp"
#include "lab/writing.hpp"

namespace cli {

namespace {

lab::terminal out() { return lab::terminal::of(STDOUT_FILENO); }

std::string bold(const std::string& text) {
  return out().colour ? fmt::format("{}{}{}", lab::ansi::bold, text, lab::ansi::plain) : text;
}

exit_code code_of(const lab::analysis& found) {
  if (!found.failures.empty()) return task_failed;
  return found.values_differ() ? results_differ : ok;
}

std::string text_of(const nlohmann::ordered_json& document) {
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string heading(std::size_t number, std::size_t of, const std::string& name) {
  return fmt::format("{}{}  ", number > 1 ? "\n" : "", bold(fmt::format("{}/{} {}", number, of, name)));
}

void report_plan(const lab::record& experiment) { write_out(lab::show_plan(experiment, out()) + "\n"); }

comparison_outcome report_result(lab::record experiment, std::string name, output_format format) {
  const lab::analysis found = lab::analyse(experiment);
  if (format == output_format::table) write_out(lab::show_result(experiment, found, out()));
  lab::say(lab::show_problems(experiment, found));
  std::string headline = lab::headline(experiment, found);
  return {.record = std::move(experiment),
          .name = std::move(name),
          .headline = std::move(headline),
          .measured_anything = !found.models.empty(),
          .code = code_of(found)};
}

std::string json_document(const comparison_outcome& outcome) { return text_of(lab::to_json(outcome.record)); }

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
  if (format == output_format::json) write_out(json_document(outcome));
  if (format == output_format::table && outcome.measured_anything) write_out("\n" + lab::show_legend(out()));
  if (outcome.code != ok || outcome.measured_anything) return outcome.code;
  const std::string& reason = outcome.record.unavailable.front().reason;
  lab::say(fmt::format("fanout: nothing could be measured: {}\n", reason.substr(0, reason.find('\n'))));
  return task_failed;
}

exit_code report_end(const std::vector<comparison_outcome>& outcomes, output_format format) {
  if (format == output_format::json) {
    write_out(json_document(outcomes));
  } else {
    std::string text = "\n" + bold("In short") + "\n";
    for (const comparison_outcome& outcome : outcomes)
      text += fmt::format(" {:<17} {}\n", outcome.name, lab::wrapped(outcome.headline, out().width, 19));
    write_out(text + "\n" + lab::show_legend(out()));
  }
  return std::ranges::max(outcomes, {}, &comparison_outcome::code).code;
}

}  // namespace cli
