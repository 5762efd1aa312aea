// SPDX-License-Identifier: Apache-2.0
// Whole lines out of bytes that several processes write to the same stream.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace lab {

/// Keeps what each sender has begun until its line is complete, so that lines of different processes never mix.
class line_assembler {
 public:
  /// The line comes without its line break. A stream is 1 (stdout) or 2 (stderr).
  using sink = std::function<void(pid_t sender, int stream, std::string_view line)>;

  /// A longer line is passed on in pieces of this size: what never ends must not fill the memory.
  static constexpr std::size_t longest_line = std::size_t{1} << 20;

  explicit line_assembler(sink deliver) : deliver_(std::move(deliver)) {}

  void append(pid_t sender, int stream, std::string_view bytes);

  /// Delivers the lines that were begun and never ended.
  void flush();

 private:
  void deliver(const std::pair<pid_t, int>& key, std::string_view line);

  sink deliver_;
  std::map<std::pair<pid_t, int>, std::string> begun_;
};

}  // namespace lab
