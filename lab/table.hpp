// SPDX-License-Identifier: Apache-2.0
// A table for a terminal: columns aligned, and dropped from the right where the terminal is too narrow. Lines never
// wrap.
#pragma once

#include <string>
#include <vector>

#include "lab/terminal.hpp"

namespace lab {

class table {
 public:
  /// The first `fixed` columns are never dropped; text columns are aligned left, others right.
  struct column {
    std::string header;
    bool text = false;
  };
  table(std::vector<column> columns, std::size_t fixed) : columns_(std::move(columns)), fixed_(fixed) {}

  /// One cell per column. An emphasised row is shown bold and green where there is colour.
  void add_row(std::vector<std::string> cells, bool emphasised = false);

  /// A row of which only the first cells are given; the last of them runs on to the right edge, and is shortened there.
  void add_note(std::vector<std::string> cells);

  std::string show(const terminal& out) const;

  /// All columns, as GitHub and others render them.
  std::string show_markdown() const;

 private:
  struct row {
    std::vector<std::string> cells;
    bool emphasised, note;
  };
  std::vector<std::size_t> widths() const;
  std::string line(const row& row, const std::vector<std::size_t>& widths, std::size_t width) const;

  std::vector<column> columns_;
  std::size_t fixed_;
  std::vector<row> rows_;
};

}  // namespace lab
