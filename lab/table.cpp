// SPDX-License-Identifier: Apache-2.0
// Layout of a table: one space of margin, two between columns.
#include "lab/table.hpp"

#include <algorithm>

namespace lab {

namespace {

constexpr std::size_t margin = 1, gap = 2;

std::string padded(const std::string& text, std::size_t width, bool left) {
  const std::string space(width - std::min(width, columns(text)), ' ');
  return left ? text + space : space + text;
}

std::string styled(std::string_view style, const std::string& text, const terminal& out) {
  return out.colour ? std::string(style) + text + std::string(ansi::plain) : text;
}

/// A cell that does not end where its text has a bar.
std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) escaped += c == '|' ? std::string("\\|") : std::string(1, c);
  return " " + escaped + " |";
}

}  // namespace

void table::add_row(std::vector<std::string> cells, bool emphasised) {
  rows_.push_back({.cells = std::move(cells), .emphasised = emphasised, .note = false});
}

void table::add_note(std::vector<std::string> cells) {
  rows_.push_back({.cells = std::move(cells), .emphasised = false, .note = true});
}

std::vector<std::size_t> table::widths() const {
  std::vector<std::size_t> widest;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = columns(columns_[i].header);
    for (const row& row : rows_)
      if (!row.note || i + 1 < row.cells.size()) width = std::max(width, columns(row.cells[i]));
    widest.push_back(width);
  }
  return widest;
}

std::string table::line(const row& row, const std::vector<std::size_t>& widths, std::size_t width) const {
  std::string text(margin, ' ');
  for (std::size_t i = 0; i < std::min(row.cells.size(), widths.size()); ++i) {
    if (i > 0) text.append(gap, ' ');
    const bool runs_on = row.note && i + 1 == row.cells.size();
    text += runs_on ? shortened(row.cells[i], width - std::min<std::size_t>(width, columns(text)))
                    : padded(row.cells[i], widths[i], columns_[i].text);
  }
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

std::string table::show(const terminal& out) const {
  std::vector<std::size_t> shown = widths();
  auto total = [&] {
    std::size_t sum = margin + gap * (shown.size() - 1);
    for (const std::size_t width : shown) sum += width;
    return sum;
  };
  while (shown.size() > fixed_ && total() > out.width) shown.pop_back();
  row header{.cells = {}, .emphasised = false, .note = false};
  for (const column& column : columns_) header.cells.push_back(column.header);
  std::string text = styled(ansi::dim, line(header, shown, out.width), out) + '\n';
  for (const row& row : rows_) {
    const std::string cells = line(row, shown, out.width);
    text += row.emphasised ? styled(ansi::green, cells, out) : row.note ? styled(ansi::dim, cells, out) : cells;
    text += '\n';
  }
  return text;
}

std::string table::show_markdown() const {
  std::string text = "|", rule = "|";
  for (const column& column : columns_) {
    text += cell(column.header);
    rule += column.text ? " :--- |" : " ---: |";
  }
  text += "\n" + rule + "\n";
  for (const row& row : rows_) {
    text += "|";
    for (std::size_t i = 0; i < columns_.size(); ++i) text += cell(i < row.cells.size() ? row.cells[i] : "");
    text += "\n";
  }
  return text;
}

}  // namespace lab
