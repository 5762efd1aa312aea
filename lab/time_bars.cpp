// SPDX-License-Identifier: Apache-2.0
// Bars of a fixed width, and as many words beside them as there is room for.
#include "lab/time_bars.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lab/format.hpp"
#include "lab/table.hpp"

namespace lab {

namespace {

std::string dimmed(const std::string& text, const terminal& out) {
  return out.colour ? fmt::format("{}{}{}", ansi::dim, text, ansi::plain) : text;
}

/// How many of `width` places each share gets: what rounding leaves over goes where it was cut off most.
std::vector<std::size_t> places(const std::vector<time_share>& shares, std::size_t width) {
  std::vector<std::size_t> given;
  double sum = 0;
  for (const time_share& one : shares) sum += one.share;
  const double scale = sum > 0 ? static_cast<double>(width) / sum : 0;
  std::size_t left = width;
  for (const time_share& one : shares) {
    given.push_back(std::min(left, static_cast<std::size_t>(one.share * scale)));
    left -= given.back();
  }
  const auto cut_off = [&](std::size_t i) { return shares[i].share * scale - static_cast<double>(given[i]); };
  for (; left > 0; --left) {
    std::size_t most = 0;
    for (std::size_t i = 1; i < shares.size(); ++i)
      if (cut_off(i) > cut_off(most)) most = i;
    ++given[most];
  }
  return given;
}

std::string bar(const std::vector<time_share>& shares, std::size_t width, bool unicode) {
  std::string text;
  const std::vector<std::size_t> given = places(shares, width);
  for (std::size_t i = 0; i < shares.size(); ++i)
    for (std::size_t j = 0; j < given[i]; ++j) text += unicode ? shares[i].symbol : shares[i].ascii;
  return text;
}

struct part {
  std::string text;
  double weight;  // the least is left out first
};

std::string joined(const std::vector<part>& parts) {
  std::string text;
  for (const part& one : parts) text += (text.empty() ? "" : ", ") + one.text;
  return text;
}

std::string in_words(const model_summary& model, std::size_t width) {
  constexpr double shown = 0.005, shown_lag_s = 1e-3;
  std::vector<part> parts;
  for (const time_share& one : shares_of(*model.time))
    if (one.share >= shown) parts.push_back({fmt::format("{} {:.0f} %", one.name, 100 * one.share), one.share});
  if (model.max_lag_s.value_or(0) >= shown_lag_s)
    parts.push_back({fmt::format("loop late by up to {}", format_seconds(*model.max_lag_s)), 0});
  while (parts.size() > 1 && columns(joined(parts)) > width)
    parts.erase(std::ranges::min_element(parts, {}, &part::weight));
  return shortened(joined(parts), width);
}

/// The signs that occur, and how well it all adds up.
std::string legend(const std::vector<const model_summary*>& models, const terminal& out) {
  std::string text;
  double error = 0;
  for (const model_summary* model : models)
    error = std::max(error, std::abs(model->time->share(model->time->closure_error_s)));
  const std::vector<time_share> kinds = shares_of(decomposition{});
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const bool occurs = std::ranges::any_of(
        models, [&](const model_summary* model) { return shares_of(*model->time)[i].share >= 0.005; });
    if (occurs) text += fmt::format("{} {}  ", out.unicode ? kinds[i].symbol : kinds[i].ascii, kinds[i].name);
  }
  return text + fmt::format("(adds up within {:.1f} %)", 100 * error);
}

std::vector<const model_summary*> models_with_time(const analysis& found) {
  std::vector<const model_summary*> models;
  for (const model_summary& model : found.models)
    if (model.time && model.time->workers_s > 0) models.push_back(&model);
  return models;
}

}  // namespace

std::vector<time_share> shares_of(const decomposition& time) {
  const auto share = [&](double part_s) { return std::clamp(time.share(part_s), 0.0, 1.0); };
  return {{"set-up", share(time.setup_s), "▁", "_"},
          {"CPU", share(time.cpu_s), "█", "#"},
          {"GIL", share(time.gil_s), "▓", "G"},
          {"run queue", share(time.runq_s), "▒", "="},
          {time.gil_inseparable ? "GIL or blocked" : "blocked", share(time.blocked_s), "░", "-"},
          {"no task", share(time.idle_s), "·", "."}};
}

std::string show_time_bars(const analysis& found, const terminal& out) {
  const std::vector<const model_summary*> models = models_with_time(found);
  if (models.empty()) return {};
  std::size_t name = 0;
  for (const model_summary* model : models) name = std::max(name, columns(model->model));
  const std::size_t bar_width = std::clamp<std::size_t>(out.width / 4, 10, 40);
  const std::size_t left = 1 + name + 2 + bar_width + 2, rest = out.width > left + 10 ? out.width - left : 10;
  std::string text = dimmed(" where the workers' time went", out) + "\n";
  for (const model_summary* model : models)
    text += fmt::format(" {:<{}}  {}  {}\n", model->model, name, bar(shares_of(*model->time), bar_width, out.unicode),
                        in_words(*model, rest));
  return text + " " + dimmed(wrapped(legend(models, out), out.width, 1), out) + "\n";
}

std::string markdown_of_time(const analysis& found) {
  const std::vector<const model_summary*> models = models_with_time(found);
  if (models.empty()) return {};
  std::vector<table::column> columns = {{"workers' time", true}};
  for (const time_share& kind : shares_of(decomposition{})) columns.push_back({kind.name});
  table rows(std::move(columns), 1);
  for (const model_summary* model : models) {
    std::vector<std::string> cells = {model->model};
    for (const time_share& one : shares_of(*model->time)) cells.push_back(fmt::format("{:.1f} %", 100 * one.share));
    if (model->time->gil_inseparable) cells[5] += " (GIL included)";
    rows.add_row(std::move(cells));
  }
  return "\n" + rows.show_markdown();
}

}  // namespace lab
