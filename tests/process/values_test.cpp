// SPDX-License-Identifier: Apache-2.0
// What travels to a worker and back, and what happens when it cannot: T10, T11, T12, T26.
#include <unistd.h>

#include <array>
#include <bitset>
#include <complex>
#include <csignal>
#include <deque>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "fanout/errors.hpp"
#include "support.hpp"

namespace {

using namespace std::string_literals;
using fanout::process_pool;

enum class colour : unsigned char { red, green };

struct point {
  double x, y;
  bool operator==(const point&) const = default;
};
/// What C programs are made of.
struct plain {
  char name[8];
  int counts[3];
  unsigned flag : 1, rest : 7;
  union {
    int number;
    float fraction;
  };
  bool operator==(const plain& other) const {
    return std::string(name) == other.name && counts[2] == other.counts[2] && flag == other.flag &&
           number == other.number;
  }
};
struct derived : point {
  int more;
  bool operator==(const derived&) const = default;
};
struct label {
  std::string text;
  std::vector<point> outline;
  std::optional<colour> fill;
  bool operator==(const label&) const = default;
};

/// A class with its own grammar, which a copy of its bytes would get wrong.
class secret {
 public:
  secret() = default;
  explicit secret(int value) : value_(value) {}
  int value() const { return value_; }
  template <class Archive>
  void save(Archive& archive) const {
    archive(value_ ^ 0x55);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(value_);
    value_ ^= 0x55;
  }
  bool operator==(const secret&) const = default;

 private:
  int value_ = 0;
};

class ProcessPoolValues : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolValues);

/// The value after a journey to a worker and back.
template <class T>
T there_and_back(process_pool& pool, const T& value) {
  return pool.submit([](const T& x) { return x; }, value).get();
}

#define EXPECT_TRAVELS(...) EXPECT_EQ(there_and_back(pool, __VA_ARGS__), (__VA_ARGS__))

TEST_P(ProcessPoolValues, OfAllOrdinaryTypesTravel) {
  process_pool pool(options(1));
  EXPECT_TRAVELS(7);
  EXPECT_TRAVELS(0.5L);
  EXPECT_TRAVELS(colour::green);
  EXPECT_TRAVELS("text"s);
  EXPECT_TRAVELS(u"text"s);
  EXPECT_TRAVELS(point{1, 2});
  EXPECT_TRAVELS(plain{"abc", {1, 2, 3}, 1, 5, {7}});
  EXPECT_TRAVELS(derived{{1, 2}, 3});
  EXPECT_TRAVELS(label{"a", {{1, 2}, {3, 4}}, colour::green});
  EXPECT_TRAVELS(std::vector<label>{{"a", {}, {}}, {"b", {{1, 1}}, colour::red}});
  EXPECT_TRAVELS(std::vector<bool>{true, false, true});
  EXPECT_TRAVELS(std::deque<std::string>{"a", "b"});
  EXPECT_TRAVELS(std::set<int>{1, 2});
  EXPECT_TRAVELS(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  EXPECT_TRAVELS(std::unordered_map<int, std::string>{{1, "a"}});
  EXPECT_TRAVELS(std::array<point, 2>{point{1, 2}, point{3, 4}});
  EXPECT_TRAVELS(std::array<std::string, 2>{"a", "b"});
  EXPECT_TRAVELS(std::pair<int, std::string>{1, "a"});
  EXPECT_TRAVELS(std::tuple<int, std::string, double>{1, "a", 2.5});
  EXPECT_TRAVELS(std::optional<std::string>("a"));
  EXPECT_TRAVELS(std::variant<int, std::string>("a"));
  EXPECT_TRAVELS(std::variant<std::monostate, int>());
  EXPECT_TRAVELS(std::complex<double>(1, 2));
  EXPECT_TRAVELS(std::bitset<9>(5));
  EXPECT_TRAVELS(std::chrono::milliseconds(5));
  EXPECT_TRAVELS(secret(42));
  EXPECT_TRAVELS(std::vector<secret>{secret(1), secret(2)});
}

TEST_P(ProcessPoolValues, BehindSmartPointersTravelToo) {
  process_pool pool(options(1));
  EXPECT_EQ(*pool.submit([](std::unique_ptr<int> p) { return std::make_unique<int>(*p + 1); }, std::make_unique<int>(1))
                 .get(),
            2);
  const auto shared = std::make_shared<std::string>("a");
  const auto both = there_and_back(pool, std::pair{shared, shared});
  EXPECT_EQ(*both.first, "a");
  EXPECT_EQ(both.first, both.second);
}

TEST_P(ProcessPoolValues, ViewsOfArgumentsAreCopied) {
  process_pool pool(options(1));
  EXPECT_EQ(pool.submit([](std::string_view text) { return text.size(); }, std::string_view("four")).get(), 4U);
  EXPECT_EQ(pool.submit([](std::string text) { return text + "!"; }, "literal").get(), "literal!");
  EXPECT_EQ(pool.submit([](const char* text) { return std::string(text); }, "literal").get(), "literal");
  const std::vector<int> numbers{1, 2, 3};
  EXPECT_EQ(
      pool.submit([](std::span<const int> s) { return std::accumulate(s.begin(), s.end(), 0); }, std::span(numbers))
          .get(),
      6);
  EXPECT_EQ(pool.map([](std::string_view s) { return s.size(); }, std::vector<std::string_view>{"a", "bc"}).get(),
            (std::vector<std::size_t>{1, 2}));
}

TEST_P(ProcessPoolValues, AreAsLargeAsMemoryAllows) {  // T26
  process_pool pool(options(1));
  for (const std::size_t size : {0UL, 1UL, 63UL, 64UL, 4095UL, 4096UL, 4097UL, 65535UL, 65536UL, 65537UL, 64UL << 20}) {
    std::vector<unsigned char> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<unsigned char>(i * 31 >> 3);
    EXPECT_TRUE(there_and_back(pool, bytes) == bytes) << size;
  }
}

/// Goes wrong at one place of its journey.
enum class trouble {
  none,
  save,
  load_throws,
  load_crashes,
  load_exits,
  result_save_throws,
  result_save_crashes,
  result_load_throws
};

struct troubled {
  trouble with = trouble::none;
  template <class Archive>
  void save(Archive& archive) const {
    const bool worker = fanout::is_worker_process();
    if (!worker && with == trouble::save) throw std::runtime_error("no words");
    if (worker && with == trouble::result_save_throws) throw std::runtime_error("no words there");
    if (worker && with == trouble::result_save_crashes) ::raise(SIGSEGV);
    archive(with);
  }
  template <class Archive>
  void load(Archive& archive) {
    const bool worker = fanout::is_worker_process();
    archive(with);
    if (worker && with == trouble::load_throws) throw std::runtime_error("cannot read there");
    if (worker && with == trouble::load_crashes) ::raise(SIGSEGV);
    if (worker && with == trouble::load_exits) ::_exit(5);
    if (!worker && with == trouble::result_load_throws) throw 17;
  }
};

troubled same(const troubled& t) { return t; }

class ProcessPoolTrouble : public ProcessPoolValues {
 protected:
  template <class Error>
  std::string what(trouble with) {
    process_pool pool(options(1));
    const auto error =
        fanout_test::thrown_by<Error>([&] { static_cast<void>(pool.submit(same, troubled{with}).get()); });
    EXPECT_EQ(pool.submit(same, troubled{}).get().with, trouble::none) << "the pool goes on";
    return error.what();
  }
};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolTrouble);

TEST_P(ProcessPoolTrouble, WithWritingAnArgumentIsThrownBySubmit) {  // T10
  process_pool pool(options(1));
  const auto error = fanout_test::thrown_by<fanout::serialization_error>(
      [&] { static_cast<void>(pool.submit([](int, const troubled&) {}, 1, troubled{trouble::save})); });
  EXPECT_EQ(error.what(), "argument 2 ((anonymous namespace)::troubled) could not be encoded: no words"s);
  EXPECT_THROW(static_cast<void>(pool.map(same, std::vector{troubled{}, troubled{trouble::save}})),
               fanout::serialization_error);
  EXPECT_THROW(static_cast<void>(pool.submit([](std::string_view) {}, static_cast<const char*>(nullptr))),
               fanout::serialization_error);
  EXPECT_EQ(pool.submit(same, troubled{}).get().with, trouble::none);
}

TEST_P(ProcessPoolTrouble, WithReadingAnArgumentFailsThatTask) {  // T11
  EXPECT_EQ(what<fanout::serialization_error>(trouble::load_throws),
            "argument 1 ((anonymous namespace)::troubled) could not be decoded in the worker: cannot read there");
  EXPECT_NE(what<fanout::worker_died>(trouble::load_crashes).find("SIGSEGV"), std::string::npos);
  EXPECT_NE(what<fanout::worker_died>(trouble::load_exits).find("exited with code 5"), std::string::npos);
}

TEST_P(ProcessPoolTrouble, WithAResultFailsThatTask) {  // T12
  EXPECT_EQ(what<fanout::serialization_error>(trouble::result_save_throws),
            "the result ((anonymous namespace)::troubled) could not be encoded in the worker: no words there");
  EXPECT_NE(what<fanout::worker_died>(trouble::result_save_crashes).find("SIGSEGV"), std::string::npos);
  EXPECT_EQ(what<fanout::serialization_error>(trouble::result_load_throws),
            "the result ((anonymous namespace)::troubled) could not be decoded: its code threw int");
}

TEST_P(ProcessPoolTrouble, InAMapFailsOnlyItsItem) {
  process_pool pool(options(2));
  const std::vector<troubled> inputs{{}, {trouble::load_throws}, {}, {trouble::result_save_crashes}, {}};
  std::vector<bool> worked;
  for (auto&& outcome : pool.map(same, inputs, {.chunk = 5}).results()) worked.push_back(outcome.has_value());
  EXPECT_EQ(worked, (std::vector{true, false, true, false, true}));
}

}  // namespace
