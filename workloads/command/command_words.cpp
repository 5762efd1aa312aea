// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <utility>

#include "workloads/command/command.hpp"

namespace workloads {

namespace {

/// Takes the text apart, character by character.
class word_reader {
 public:
  explicit word_reader(std::string_view text) : text_(text) {}

  command_words all() {
    while (at_ < text_.size()) step();
    if (in_word_) words_.push_back(std::move(word_));
    return std::move(words_);
  }

 private:
  void step() {
    const char c = text_[at_++];
    if (c == ' ' || c == '\t' || c == '\n') {
      if (in_word_) words_.push_back(std::exchange(word_, {}));
      in_word_ = false;
      return;
    }
    in_word_ = true;
    if (c == '\'' || c == '"')
      quoted(c);
    else if (c == '\\')
      word_ += escaped();
    else
      word_ += c;
  }

  void quoted(char quote) {
    const std::size_t begin = at_ - 1;
    while (at_ < text_.size() && text_[at_] != quote) {
      const char c = text_[at_++];
      const bool escapes = quote == '"' && c == '\\' && at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\\');
      word_ += escapes ? text_[at_++] : c;
    }
    if (at_ == text_.size())
      throw lab::usage_error(fmt::format("the quote that begins in cmd: with {} has no end", text_.substr(begin)));
    ++at_;
  }

  char escaped() {
    if (at_ == text_.size()) throw lab::usage_error("nothing follows the \\ at the end of cmd: to be taken as it is");
    return text_[at_++];
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool in_word_ = false;
  std::string word_;
  command_words words_;
};

}  // namespace

std::optional<command_words> parse_command(std::string_view work) {
  constexpr std::string_view prefix = "cmd:";
  if (!work.starts_with(prefix)) return std::nullopt;
  command_words words = word_reader(work.substr(prefix.size())).all();
  if (words.empty() || words.front().empty())
    throw lab::usage_error("which command? Write 'cmd:COMMAND ARGS', such as 'cmd:sleep 0.1'");
  return words;
}

}  // namespace workloads
