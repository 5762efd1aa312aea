// SPDX-License-Identifier: Apache-2.0
#include "lab/costs/view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lab/format.hpp"
#include "lab/sentences.hpp"
#include "lab/table.hpp"
#include "lab/view.hpp"

namespace lab::costs {

namespace {

struct scale {
  double factor;
  std::string_view name;
};

/// The unit that fits a value of this size.
scale scale_for(double value, unit in) {
  const double size = std::abs(value);
  if (in == unit::factor) return {1, "×"};
  if (in == unit::bytes)
    return size >= 0.9995e6 ? scale{1e-6, " MB"} : size >= 999.5 ? scale{1e-3, " kB"} : scale{1, " B"};
  return size >= 0.9995      ? scale{1, " s"}
         : size >= 0.9995e-3 ? scale{1e3, " ms"}
         : size >= 0.9995e-6 ? scale{1e6, " µs"}
                             : scale{1e9, " ns"};
}

std::string three_figures(double value) {
  const double size = std::abs(value);
  return fmt::format("{:.{}f}", value, size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}

std::string mark_of(judged verdict) {
  return verdict == judged::confirmed ? "✔" : verdict == judged::refuted ? "✘" : "?";
}

std::string claim_and_verdict(const finding& found) {
  const auto verdict = judge(found);
  return verdict ? fmt::format("{} {}", found.what->claim.words, mark_of(*verdict)) : "";
}

table cost_table(const report& all) {
  table rows({{"cost", true}, {"here"}, {"claim", true}, {"interval of the median", true}}, 3);
  std::string_view group;
  for (const finding& found : all.findings) {
    if (found.what->group != group) rows.add_note({std::string(group = found.what->group)});
    const std::string name = fmt::format("  {}", found.what->name);
    if (found.value)
      rows.add_row({name, format_value(found.value->median, found.what->unit), claim_and_verdict(found),
                    format_range(*found.value, found.what->unit)});
    else
      rows.add_note({name, "n/a: " + first_line(found.reason)});
  }
  return rows;
}

const finding* find(const report& all, std::string_view id) {
  const auto found = std::ranges::find(all.findings, id, [](const finding& one) { return one.what->id; });
  return found == all.findings.end() || !found->value ? nullptr : &*found;
}

std::string value_of(const finding& found) { return format_value(found.value->median, found.what->unit); }

/// A claim in the notebook's words, and what was found.
struct answer {
  std::string_view claimed, id;
  std::string (*say)(const report& all, const finding& found);
};

std::string say_switch(const report&, const finding& found) {
  return fmt::format("{} here, between threads on one CPU", value_of(found));
}

std::string say_preempted(const report& all, const finding& found) {
  return fmt::format("{} times the {} of tasks on an event loop", three_figures(found.value->median),
                     value_of(*find(all, "switch.coroutines.loop")));
}

/// Whoever switches between large working sets pays: threads are not what matters.
std::string say_cache(const report& all, const finding& found) {
  std::string text = fmt::format("{} if each works on 1 MB, {} if on nothing",
                                 value_of(*find(all, "switch.threads.1MB")), value_of(*find(all, "switch.threads")));
  if (const finding* coroutines = find(all, "switch.coroutines.1MB"); coroutines && judge(found) == judged::confirmed)
    text += fmt::format("; but coroutines that work on as much pay too: {}", value_of(*coroutines));
  return text;
}

std::string say_reserved(const report& all, const finding& found) {
  std::string text = fmt::format("{} of address space", value_of(found));
  if (const finding* touched = find(all, "memory.thread.touched"))
    text += fmt::format(", but {} of memory until it uses more", value_of(*touched));
  return text;
}

std::string say_less_memory(const report& all, const finding& found) {
  return fmt::format("a sleeping task takes {} as a coroutine, {} as a thread: {} times as much",
                     value_of(*find(all, "memory.sleeper.coroutine")), value_of(*find(all, "memory.sleeper.thread")),
                     three_figures(found.value->median));
}

constexpr answer answers[] = {
    {"OS context switches: ~1-10 microseconds per switch", "switch.threads", say_switch},
    {"Threads get interrupted by OS, this costs more", "switch.threads_over_loop", say_preempted},
    {"Switching threads invalidates CPU cache", "switch.threads.cache", say_cache},
    {"Each thread reserves ~8MB memory even if idle", "memory.thread.reserved", say_reserved},
    {"1 thread vs 5 threads = less RAM", "memory.thread_over_coroutine", say_less_memory},
};

std::string_view style_of(judged verdict) {
  return verdict == judged::confirmed ? ansi::green : verdict == judged::refuted ? ansi::red : ansi::yellow;
}

}  // namespace

std::string format_value(double value, unit in) {
  const scale shown = scale_for(value, in);
  return three_figures(value * shown.factor) + std::string(shown.name);
}

std::string format_range(const estimate& value, unit in) {
  const scale shown = scale_for(value.median, in);
  return fmt::format("[{}, {}]{}", three_figures(value.range.low * shown.factor),
                     three_figures(value.range.high * shown.factor), shown.name);
}

std::string show(const report& all, const terminal& out) {
  std::string text = cost_table(all).show(out) + "\n";
  for (const answer& one : answers) {
    const finding* found = find(all, one.id);
    if (found == nullptr) continue;
    const judged verdict = *judge(*found);
    text += show_sentence(
        {mark_of(verdict), style_of(verdict), fmt::format("“{}”: {}", one.claimed, one.say(all, *found))}, out);
  }
  return text;
}

}  // namespace lab::costs
