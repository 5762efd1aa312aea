// SPDX-License-Identifier: Apache-2.0
// The line assembler: one buffer per sender and stream, and only while a line is incomplete.
#include "lab/line_assembler.hpp"

namespace lab {

void line_assembler::append(pid_t sender, int stream, std::string_view bytes) {
  const std::pair key{sender, stream};
  for (auto end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
    std::string_view line = bytes.substr(0, end);
    if (auto begun = begun_.find(key); begun != begun_.end()) {
      const std::string whole = std::move(begun->second) + std::string(line);
      begun_.erase(begun);
      deliver(key, whole);
    } else {
      deliver(key, line);
    }
    bytes.remove_prefix(end + 1);
  }
  if (bytes.empty()) return;
  std::string& rest = begun_[key];
  rest += bytes;
  if (rest.size() < longest_line) return;
  const std::string piece = std::move(rest);
  begun_.erase(key);
  deliver(key, piece);
}

void line_assembler::flush() {
  for (const auto& [key, line] : std::exchange(begun_, {})) deliver(key, line);
}

void line_assembler::deliver(const std::pair<pid_t, int>& key, std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  deliver_(key.first, key.second, line);
}

}  // namespace lab
