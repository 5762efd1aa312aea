// SPDX-License-Identifier: Apache-2.0
// A plugin with a function for each thing that may pass through its interface, and for each thing that may go wrong.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <fanout/export.hpp>
#include <fanout/gather.hpp>
#include <fanout/sleep.hpp>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

namespace {

__extension__ using wide = __int128;
__extension__ using wide_unsigned = unsigned __int128;

struct point {
  double x;
  int y;
};

/// In a namespace that has no name, and with arguments of all kinds.
std::string all_kinds(bool flag, std::int8_t small, double real, const std::string& text, std::vector<int> list,
                      const std::map<std::string, int>& object, std::optional<int> maybe, point at) {
  std::string result = flag ? "yes" : "no";
  result += " " + std::to_string(small) + " " + std::to_string(static_cast<int>(real * 4)) + " " + text;
  for (const int item : list) result += " " + std::to_string(item);
  for (const auto& [name, value] : object) result += " " + name + "=" + std::to_string(value);
  result += maybe ? " " + std::to_string(*maybe) : " nothing";
  return result + " " + std::to_string(at.x) + "," + std::to_string(at.y);
}
FANOUT_EXPORT(all_kinds);

wide doubled(wide number) { return 2 * number; }
FANOUT_EXPORT(doubled);

wide_unsigned unsigned_same(wide_unsigned number) { return number; }
FANOUT_EXPORT(unsigned_same);

double half(double number) { return number / 2; }
FANOUT_EXPORT(half);

bool is_even(std::uint64_t number) { return number % 2 == 0; }
FANOUT_EXPORT(is_even);

std::vector<point> points(int count) {
  std::vector<point> all;
  for (int i = 0; i < count; ++i) all.push_back({.x = i + 0.5, .y = -i});
  return all;
}
FANOUT_EXPORT(points);

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}
FANOUT_EXPORT(repeated);

void nothing() {}
FANOUT_EXPORT(nothing);

constexpr auto negated = [](int number) noexcept { return -number; };
FANOUT_EXPORT(negated);

int fails(int number) { throw std::out_of_range("no " + std::to_string(number) + " today"); }
FANOUT_EXPORT(fails);

int throws_a_number() { throw 5; }
FANOUT_EXPORT(throws_a_number);

void crashes() { std::raise(SIGKILL); }  // which no sanitizer turns into an exit
FANOUT_EXPORT(crashes);

pid_t process() { return getpid(); }
FANOUT_EXPORT(process);

int prints(int number) {
  std::printf("this is %d\n", number);
  std::fflush(stdout);
  return number;
}
FANOUT_EXPORT(prints);

fanout::task<int> awaits(int number, double seconds) {
  co_await fanout::sleep(std::chrono::duration<double>(seconds));
  co_return number;
}
FANOUT_EXPORT(awaits);

fanout::task<> awaits_others(const std::string& text) {
  co_await fanout::gather(awaits(1, 0.001), awaits(2, 0.001));
  if (text != "go on") throw std::runtime_error("was told to " + text);
}
FANOUT_EXPORT(awaits_others);

}  // namespace

namespace inner {

int in_a_namespace() { return 7; }

}  // namespace inner
FANOUT_EXPORT(inner::in_a_namespace);
