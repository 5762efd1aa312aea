// SPDX-License-Identifier: Apache-2.0
#include "fanout/sleep.hpp"

#include <array>
#include <cstdio>
#include <string>

#include "fanout/detail/item_function.hpp"
#include "fanout/timeout.hpp"

namespace fanout::detail {
namespace {

/// "1.5 s", "100 ms"
std::string readable(duration time) {
  struct unit {
    duration length;
    const char* name;
  };
  constexpr std::array units = {unit{std::chrono::seconds(1), "s"}, unit{std::chrono::milliseconds(1), "ms"},
                                unit{std::chrono::microseconds(1), "us"}, unit{duration(1), "ns"}};
  const unit* fits = units.begin();
  while (fits != units.end() - 1 && time < fits->length) ++fits;
  std::array<char, 48> text;
  std::snprintf(text.data(), text.size(), "%g %s",
                static_cast<double>(time.count()) / static_cast<double>(fits->length.count()), fits->name);
  return text.data();
}

}  // namespace

void throw_no_scheduler(const char* what) {
  throw error(std::string(what) +
              ": this coroutine runs on no executor; start it with fanout::run, event_loop::run or thread_pool::run");
}

void throw_timed_out(duration time) {
  throw timed_out("timeout: the task had not ended after " + readable(time) + ", and was stopped");
}

void throw_item_timed_out(std::size_t index, duration time) {
  throw timed_out("map: item " + std::to_string(index) + " had not ended after " + readable(time) +
                  ", and was stopped");
}

void throw_item_takes_no_token() {
  throw error(
      "map_options::item_timeout: a function cannot be stopped unless it is asked: let it take a fanout::stop_token "
      "first, and look at that; or set no item_timeout");
}

}  // namespace fanout::detail
