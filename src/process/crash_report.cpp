// SPDX-License-Identifier: Apache-2.0
// From frames to the function that the user wants to know of.
#include "crash_report.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "symbols.hpp"

namespace fanout::detail {

namespace {

constexpr std::size_t longest_name = 256;

std::string hex(std::uint64_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(number));
  return text;
}

/// The length of the UTF-8 sequence that `text` begins with, if it is one of more than one byte; else 0.
std::size_t long_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool too_long = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool no_character = (first == 0xed && byte(1) >= 0xa0) || (first == 0xf4 && byte(1) >= 0x90);
  return too_long || no_character ? 0 : length;
}

/// With '?' for every byte that is no printable ASCII and no part of a UTF-8 character.
std::string printable(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const std::size_t sequence = long_sequence(text);
    const bool plain = text[0] >= ' ' && text[0] <= '~';
    const std::size_t length = std::max<std::size_t>(sequence, 1);
    clean += plain || sequence != 0 ? text.substr(0, length) : "?";
    text.remove_prefix(length);
  }
  return clean;
}

/// What is in an array up to its NUL; all of it if it has none.
template <std::size_t Size>
std::string text_in(const char (&field)[Size]) {
  return std::string(field, ::strnlen(field, Size));
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Modules that fail if they are called wrongly: of interest is who called them.
bool is_of_the_system(const std::string& file) {
  static constexpr std::string_view beginnings[] = {
      "libc.so",     "libm.so",       "libpthread.so", "librt.so",    "libdl.so",     "libstdc++.so",
      "libgcc_s.so", "ld-linux",      "ld64.so",       "linux-vdso",  "libasan.so",   "libtsan.so",
      "libubsan.so", "liblsan.so",    "libc++.so",     "libc++abi.",  "libunwind.so", "libc-2.",
      "libm-2.",     "libpthread-2.", "ld-2.",         "libclang_rt."};
  return std::ranges::any_of(beginnings, [&](std::string_view beginning) { return file.starts_with(beginning); });
}

bool takes_off(std::string_view& name, std::string_view beginning) {
  if (!name.starts_with(beginning)) return false;
  name.remove_prefix(beginning.size());
  return true;
}

/// Functions in the user's module that the user did not write: ours, the C++ library's templates, and those of the
/// compiler and its runtimes, whose names are reserved. `name` is the linker's: in "_ZN6fanout6detail…", N begins a
/// nested name, K stands for const, St for std.
bool is_of_a_library(std::string_view name) {
  if (!takes_off(name, "_Z")) return name.starts_with("__") || name.starts_with("_Unwind_");
  while (takes_off(name, "Z")) {  // inside a function, whose name follows
  }
  if (takes_off(name, "N")) {
    while (takes_off(name, "K") || takes_off(name, "V") || takes_off(name, "R") || takes_off(name, "O")) {
    }
  }
  takes_off(name, "L");  // static
  for (const std::string_view std_name : {"St", "Sa", "Sb", "Ss", "Si", "So", "Sd"}) {
    if (name.starts_with(std_name)) return true;
  }
  if (name.starts_with("6fanout6detail")) return true;
  return name.substr(std::min(name.find_first_not_of("0123456789"), name.size())).starts_with("__");
}

/// Where in `text` the first of these characters is that is in no brackets; if there is none, its size.
std::size_t find_outside_brackets(std::string_view text, std::string_view characters) {
  int depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (depth == 0 && characters.contains(text[at])) return at;
    if (text[at] == '<' || text[at] == '(' || text[at] == '{') ++depth;
    if (text[at] == '>' || text[at] == ')' || text[at] == '}') --depth;
  }
  return text.size();
}

/// The first template argument of our thunk: what the compiler has put into it, if it is there at all. `name` is
/// "void fanout::detail::run_remotely<main::$_0, int>(…)"; fn<&S::f> is "fanout::fn_t<&(S::f(int) const)>".
std::optional<std::string> callable_of_thunk(const std::string& name) {
  constexpr std::string_view thunk = "fanout::detail::run_remotely<", constant = "fanout::fn_t<&";
  const auto found = name.find(thunk);
  if (found == std::string::npos) return std::nullopt;
  std::string_view callable = std::string_view(name).substr(found + thunk.size());
  callable = callable.substr(0, find_outside_brackets(callable, ",>"));
  if (takes_off(callable, constant)) callable = callable.substr(0, find_outside_brackets(callable, ">"));
  const bool bracketed =
      callable.starts_with('(') && find_outside_brackets(callable.substr(1), ")") == callable.size() - 2;
  return std::string(bracketed ? callable.substr(1, callable.size() - 2) : callable);
}

/// Who calls the thunk, should that have left its frame to the function that it called last.
bool is_worker_loop(std::string_view name) { return name.starts_with("_ZN6fanout6detail5serveE"); }

bool is_pointer(const std::string& callable) { return callable.contains("(*)"); }

std::string in(std::string name) {
  if (name.size() > longest_name) name = name.substr(0, longest_name) + "...";
  return "in " + printable(name);
}

/// What is said of one crash. Has a copy of the facts, so that what was checked is what is used.
class report {
 public:
  explicit report(const crash_record& record) noexcept {
    std::memcpy(static_cast<void*>(&facts_), static_cast<const void*>(&record.facts), sizeof facts_);
    std::atomic_signal_fence(std::memory_order_seq_cst);  // the compiler is not to read there again
  }

  int signal() const noexcept { return facts_.signal; }

  std::string words() const {
    std::string all;
    for (const std::string& part : {reason(), terminate(), place()}) {
      if (!all.empty() && !part.empty()) all += ' ';
      all += part;
    }
    return all;
  }

 private:
  std::string reason() const {
    if (facts_.stack_overflow == 1) return "stack overflow";
    if (facts_.sender != 0) return "sent by process " + std::to_string(facts_.sender);
    if (facts_.signal != SIGSEGV && facts_.signal != SIGBUS) return {};  // the address is that of the instruction
    if (facts_.has_address == 1) return "at address " + hex(facts_.address);
    return facts_.code == SI_KERNEL ? "at an unknown address" : "";
  }

  std::string terminate() const {
    const std::string text = printable(text_in(facts_.text));
    return text.empty() ? "" : "in terminate (" + text + ")";
  }

  /// The innermost frame of the user's task: none is outside of our thunk, though of the user's program there may be.
  std::string place() const {
    for (std::size_t i = 0; i < frame_count(); ++i) {
      const std::string path = module_of(facts_.frames[i]);
      if (path.empty() || is_of_the_system(file_name(path))) continue;
      const auto name = name_of(i, path);
      if (!name) return in(file_name(path) + "+" + hex(facts_.frames[i].offset));
      if (!is_of_a_library(*name)) return in(demangled(*name));
      if (is_worker_loop(*name)) break;
      if (const auto callable = callable_of_thunk(demangled(*name)))
        return is_pointer(*callable) ? innermost() : in(*callable);
    }
    return innermost();
  }

  /// Whosever it is.
  std::string innermost() const {
    const std::string path = frame_count() != 0 ? module_of(facts_.frames[0]) : "";
    if (path.empty()) return {};
    const auto name = name_of(0, path);
    return in(name ? demangled(*name) : file_name(path) + "+" + hex(facts_.frames[0].offset));
  }

  /// A return address may be the first of the next function, after a call that does not return.
  std::optional<std::string> name_of(std::size_t frame, const std::string& path) const {
    return symbol_at(path, facts_.frames[frame].offset - (frame == 0 ? 0 : 1));
  }

  std::size_t frame_count() const noexcept {
    return std::min<std::size_t>(facts_.frame_count, crash_facts::most_frames);
  }

  /// Empty if it is in none.
  std::string module_of(const crash_frame& frame) const {
    const auto count = std::min<std::size_t>(facts_.module_count, crash_facts::most_modules);
    return frame.module < count ? text_in(facts_.modules[frame.module]) : "";
  }

  crash_facts facts_;
};

}  // namespace

std::string describe_crash(const crash_record& record, int signal) {
  const auto state = record.state.load(std::memory_order_acquire);
  if (state != crash_state::outlined && state != crash_state::whole) return {};
  const report r(record);
  return signal == 0 || signal == r.signal() ? r.words() : "";
}

}  // namespace fanout::detail
