// SPDX-License-Identifier: Apache-2.0
// Terminal questions and UTF-8 widths.
#include "lab/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>

namespace lab {

namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// As setlocale() would look for it.
bool locale_is_utf8() {
  std::string name;
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (name.empty()) name = environment(variable);
  std::erase(name, '-');
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name.find("utf8") != std::string::npos;
}

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

}  // namespace

terminal terminal::of(int descriptor) {
  terminal found;
  found.interactive = isatty(descriptor) == 1 && environment("TERM") != "dumb";
  found.colour = found.interactive && environment("NO_COLOR").empty();
  found.unicode = environment("TERM") != "dumb" && locale_is_utf8();
  if (winsize size{}; ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) found.width = size.ws_col;
  const std::string_view asked = environment("COLUMNS");
  unsigned width = 0;
  if (std::from_chars(asked.data(), asked.data() + asked.size(), width).ec == std::errc{} && width > 0)
    found.width = width;
  return found;
}

std::size_t columns(std::string_view text) {
  std::size_t count = 0;
  for (const char byte : text) count += continues_character(byte) ? 0 : 1;
  return count;
}

std::string shortened(std::string_view text, std::size_t width) {
  if (columns(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::size_t end = 0;
  for (std::size_t kept = 0; end < text.size(); ++end)
    if (!continues_character(text[end]) && kept++ == width - 1) break;
  return std::string(text.substr(0, end)) + "…";
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  std::string result;
  std::size_t column = indent;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (column > indent && column + 1 + columns(word) > width) {
      result += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (!result.empty()) {
      result += ' ';
      ++column;
    }
    result += word;
    column += columns(word);
  }
  return result;
}

}  // namespace lab
