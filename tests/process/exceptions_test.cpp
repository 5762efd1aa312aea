// SPDX-License-Identifier: Apache-2.0
// Exceptions of tasks come back as what they were: T07, T08, T09.
#include <any>
#include <csignal>
#include <filesystem>
#include <functional>
#include <future>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typeinfo>
#include <variant>

#include "fanout/errors.hpp"
#include "support.hpp"

namespace {

using namespace std::string_literals;
using fanout::process_pool;

class ProcessPoolExceptions : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolExceptions);

/// Did the task's exception come back as exactly an E, with that text?
template <class E>
::testing::AssertionResult comes_back(process_pool& pool, void (*task)(), const std::string& text) {
  try {
    pool.submit(task).get();
  } catch (const E& error) {
    if (typeid(error) != typeid(E)) return ::testing::AssertionFailure() << "it is a " << typeid(error).name();
    if (error.what() != text) return ::testing::AssertionFailure() << "it says: " << error.what();
    return ::testing::AssertionSuccess();
  } catch (const std::exception& error) {
    return ::testing::AssertionFailure() << "it is another: " << error.what();
  }
  return ::testing::AssertionFailure() << "nothing was thrown";
}

#define EXPECT_COMES_BACK(type, text, ...) EXPECT_TRUE(comes_back<type>(pool, [] { throw __VA_ARGS__; }, text))

TEST_P(ProcessPoolExceptions, OfTheStandardKeepTheirTypes) {
  process_pool pool(options(1));
  EXPECT_COMES_BACK(std::runtime_error, "x", std::runtime_error("x"));
  EXPECT_COMES_BACK(std::logic_error, "x", std::logic_error("x"));
  EXPECT_COMES_BACK(std::invalid_argument, "x", std::invalid_argument("x"));
  EXPECT_COMES_BACK(std::out_of_range, "x", std::out_of_range("x"));
  EXPECT_COMES_BACK(std::domain_error, "x", std::domain_error("x"));
  EXPECT_COMES_BACK(std::length_error, "x", std::length_error("x"));
  EXPECT_COMES_BACK(std::range_error, "x", std::range_error("x"));
  EXPECT_COMES_BACK(std::overflow_error, "x", std::overflow_error("x"));
  EXPECT_COMES_BACK(std::underflow_error, "", std::underflow_error(""));
  EXPECT_COMES_BACK(std::bad_alloc, std::bad_alloc().what(), std::bad_alloc());
  EXPECT_COMES_BACK(std::bad_cast, std::bad_cast().what(), std::bad_cast());
  EXPECT_COMES_BACK(std::bad_optional_access, std::bad_optional_access().what(), std::bad_optional_access());
  EXPECT_COMES_BACK(std::bad_function_call, std::bad_function_call().what(), std::bad_function_call());
  EXPECT_COMES_BACK(fanout::timed_out, "x", fanout::timed_out("x"));
  EXPECT_COMES_BACK(fanout::pool_closed, "x", fanout::pool_closed("x"));
  EXPECT_COMES_BACK(fanout::channel_closed, "x", fanout::channel_closed("x"));
  EXPECT_THROW(pool.submit([] { throw fanout::cancelled(); }).get(), fanout::cancelled);
}

TEST_P(ProcessPoolExceptions, OfTheSystemKeepTheirCodes) {
  process_pool pool(options(1));
  const auto thrown = [&](void (*task)()) {
    return fanout_test::thrown_by<std::system_error>([&] { pool.submit(task).get(); });
  };
  const auto plain = thrown([] { throw std::system_error(ENOENT, std::generic_category()); });
  EXPECT_EQ(plain.code(), std::errc::no_such_file_or_directory);
  EXPECT_STREQ(plain.what(), std::system_error(ENOENT, std::generic_category()).what());
  const auto told = thrown([] { throw std::system_error(EIO, std::system_category(), "disk"); });
  EXPECT_EQ(told.code(), std::error_code(EIO, std::system_category()));
  EXPECT_STREQ(told.what(), std::system_error(EIO, std::system_category(), "disk").what());
}

struct their_error : std::exception {
  const char* what() const noexcept override { return "theirs"; }
};
struct their_runtime_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

TEST_P(ProcessPoolExceptions, OfOtherTypesAreRemoteErrors) {  // T08
  process_pool pool(options(1));
  const auto thrown = [&](void (*task)()) {
    return fanout_test::thrown_by<fanout::remote_error>([&] { pool.submit(task).get(); });
  };
  const auto theirs = thrown([] { throw their_error(); });
  EXPECT_EQ(theirs.type(), "(anonymous namespace)::their_error");
  EXPECT_STREQ(theirs.what(), "theirs");
  EXPECT_EQ(thrown([] { throw their_runtime_error("x"); }).type(), "(anonymous namespace)::their_runtime_error");
  EXPECT_EQ(thrown([] { throw 42; }).type(), "int");
  EXPECT_EQ(thrown([] { throw "text"s; }).type(),
            "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >");
}

TEST_P(ProcessPoolExceptions, OutOfNoexceptEndTheWorker) {  // T08
  process_pool pool(options(1));
  const auto error =
      fanout_test::thrown_by<fanout::worker_died>([&] { pool.submit([]() noexcept { std::string().at(1); }).get(); });
  EXPECT_EQ(error.signal(), SIGABRT);
}

struct hostile_error : std::exception {
  explicit hostile_error(int depth) : how(depth) {}
  int how;
  const char* what() const noexcept override {
    if (how == 1) ::raise(SIGSEGV);
    return nullptr;
  }
};

TEST_P(ProcessPoolExceptions, ThatMisbehaveFailOnlyTheirTask) {  // T09
  process_pool pool(options(1));
  const auto silent =
      fanout_test::thrown_by<fanout::remote_error>([&] { pool.submit([] { throw hostile_error(0); }).get(); });
  EXPECT_EQ(silent.type(), "(anonymous namespace)::hostile_error");
  EXPECT_THROW(pool.submit([] { throw hostile_error(1); }).get(), fanout::worker_died);
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
}

TEST_P(ProcessPoolExceptions, AreEachTheirOwn) {
  process_pool pool(options(1));
  auto outcomes = pool.map([](int) { throw std::runtime_error("x"); }, std::vector{1, 2}).results();
  std::vector<std::exception_ptr> errors;
  for (auto&& outcome : outcomes) errors.push_back(outcome.error());
  EXPECT_NE(errors[0], errors[1]);
}

TEST_P(ProcessPoolExceptions, OfAMapAreThrownByGetInOrder) {
  process_pool pool(options(2));
  const auto fail_from_3 = [](int i) {
    if (i >= 3) throw std::out_of_range(std::to_string(i));
    return i;
  };
  const auto error = fanout_test::thrown_by<std::out_of_range>(
      [&] { static_cast<void>(pool.map(fail_from_3, std::vector{1, 2, 3, 4}).get()); });
  EXPECT_STREQ(error.what(), "3");
}

}  // namespace
