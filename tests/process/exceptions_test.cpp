// SPDX-License-Identifier: Apache-2.0
// Exceptions of tasks come back as what they were: T07, T08, T09.
#include <dlfcn.h>

#include <any>
#include <csignal>
#include <expected>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typeinfo>
#include <variant>

#include "fanout/errors.hpp"
#include "fanout/registered_exception.hpp"
#include "plugin_error.hpp"
#include "support.hpp"
#include "thrown.hpp"

namespace {

using namespace std::string_literals;
using fanout::process_pool;
using fanout_test::throw_caused_by;
using fanout_test::thrown_by;
using fanout_test::thrown_chain;

class ProcessPoolExceptions : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolExceptions);

/// get() throws what the task would throw if it were called here: the same types and texts, at each level.
#define EXPECT_COMES_BACK(...)                                                     \
  do {                                                                             \
    void (*const task)() = [] { __VA_ARGS__; };                                    \
    EXPECT_NE(thrown_chain(task).size(), 0U) << "nothing was thrown";              \
    EXPECT_EQ(thrown_chain([&] { pool.submit(task).get(); }), thrown_chain(task)); \
  } while (false)

TEST_P(ProcessPoolExceptions, OfTheStandardKeepTheirTypes) {  // T07
  process_pool pool(options(1));
  EXPECT_COMES_BACK(throw std::runtime_error("x"));
  EXPECT_COMES_BACK(throw std::logic_error("x"));
  EXPECT_COMES_BACK(throw std::invalid_argument("x"));
  EXPECT_COMES_BACK(throw std::out_of_range("x"));
  EXPECT_COMES_BACK(throw std::domain_error("x"));
  EXPECT_COMES_BACK(throw std::length_error("x"));
  EXPECT_COMES_BACK(throw std::range_error("x"));
  EXPECT_COMES_BACK(throw std::overflow_error("x"));
  EXPECT_COMES_BACK(throw std::underflow_error(""));
  EXPECT_COMES_BACK(throw std::exception());
  EXPECT_COMES_BACK(throw std::bad_exception());
  EXPECT_COMES_BACK(throw std::bad_alloc());
  EXPECT_COMES_BACK(throw std::bad_array_new_length());
  EXPECT_COMES_BACK(throw std::bad_cast());
  EXPECT_COMES_BACK(throw std::bad_typeid());
}

TEST_P(ProcessPoolExceptions, ThatTheStandardLibraryThrowsComeBack) {  // T07
  process_pool pool(options(1));
  EXPECT_COMES_BACK(static_cast<void>(std::vector<int>().at(1)));
  EXPECT_COMES_BACK(static_cast<void>(std::stoi("not a number")));
  EXPECT_COMES_BACK(static_cast<void>(std::optional<int>().value()));
  EXPECT_COMES_BACK(static_cast<void>(std::any_cast<int>(std::any("text"))));
  EXPECT_COMES_BACK(std::function<void()>()());
  EXPECT_COMES_BACK(std::shared_ptr<int>(std::weak_ptr<int>()));
  EXPECT_COMES_BACK(static_cast<void>(std::get<int>(std::variant<bool, int>())));
  EXPECT_COMES_BACK(std::regex("("));
  EXPECT_COMES_BACK(std::regex("a{2,1}"));
  EXPECT_COMES_BACK(auto broken = std::promise<int>().get_future(); broken.get());
  EXPECT_COMES_BACK(static_cast<void>(std::filesystem::file_size("/nowhere/at all")));
  EXPECT_COMES_BACK(std::filesystem::rename("/nowhere", "/no place"));
}

TEST_P(ProcessPoolExceptions, OfFanoutKeepTheirTypes) {
  process_pool pool(options(1));
  EXPECT_COMES_BACK(throw fanout::error("x"));
  EXPECT_COMES_BACK(throw fanout::timed_out("x"));
  EXPECT_COMES_BACK(throw fanout::pool_closed("x"));
  EXPECT_COMES_BACK(throw fanout::pool_broken("x"));
  EXPECT_COMES_BACK(throw fanout::serialization_error("x"));
  EXPECT_COMES_BACK(throw fanout::not_importable("x"));
  EXPECT_COMES_BACK(throw fanout::memory_limit_exceeded("x"));
  EXPECT_COMES_BACK(throw fanout::node_lost("x"));
  EXPECT_COMES_BACK(throw fanout::channel_closed("x"));
  EXPECT_COMES_BACK(throw fanout::cancelled());
  EXPECT_COMES_BACK(throw fanout::remote_error("their_type", "x"));
  EXPECT_COMES_BACK(throw fanout::worker_died("x", SIGSEGV, 0, 4711));
  const auto remote = thrown_by<fanout::remote_error>(
      [&] { pool.submit([] { throw fanout::remote_error("their_type", "x"); }).get(); });
  EXPECT_EQ(remote.type(), "their_type");
  const auto died =
      thrown_by<fanout::worker_died>([&] { pool.submit([] { throw fanout::worker_died("x", 0, 3, 4711); }).get(); });
  EXPECT_EQ(died.signal(), 0);
  EXPECT_EQ(died.exit_code(), 3);
  EXPECT_EQ(died.pid(), 4711);
}

TEST_P(ProcessPoolExceptions, OfTheSystemKeepTheirCodes) {
  process_pool pool(options(1));
  EXPECT_COMES_BACK(throw std::system_error(ENOENT, std::generic_category()));
  EXPECT_COMES_BACK(throw std::system_error(EIO, std::system_category(), "disk"));
  EXPECT_COMES_BACK(throw std::ios_base::failure("file"));
  EXPECT_COMES_BACK(throw std::ios_base::failure("file", std::error_code(EIO, std::system_category())));
  const auto error = thrown_by<std::system_error>(
      [&] { pool.submit([] { throw std::system_error(ENOENT, std::generic_category()); }).get(); });
  EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
}

TEST_P(ProcessPoolExceptions, OfFilesKeepTheirPaths) {
  namespace fs = std::filesystem;
  process_pool pool(options(1));
  EXPECT_COMES_BACK(throw fs::filesystem_error("x", std::error_code(EIO, std::system_category())));
  EXPECT_COMES_BACK(throw fs::filesystem_error("x", "", std::error_code(EIO, std::system_category())));
  EXPECT_COMES_BACK(throw fs::filesystem_error("x", "", "", std::error_code(EIO, std::system_category())));
  EXPECT_COMES_BACK(throw fs::filesystem_error("", "a", std::error_code()));
  const auto rename = [] { fs::rename("/nowhere", "/no place"); };
  const auto error = thrown_by<fs::filesystem_error>([&] { pool.submit(rename).get(); });
  EXPECT_EQ(error.path1(), "/nowhere");
  EXPECT_EQ(error.path2(), "/no place");
  EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
}

TEST_P(ProcessPoolExceptions, OfStreamsComeBackAsFailures) {
  process_pool pool(options(1));
  const auto read = [] {
    std::ifstream file("/nowhere");
    file.exceptions(std::ios_base::failbit);
  };
  const auto here = thrown_by<std::ios_base::failure>(read);
  const auto there = thrown_by<std::ios_base::failure>([&] { pool.submit(read).get(); });
  EXPECT_EQ(there.code(), here.code());
  EXPECT_STREQ(there.what(), here.what());
}

TEST_P(ProcessPoolExceptions, OfFuturesAndExpressionsKeepTheirCodes) {
  process_pool pool(options(1));
  const auto break_promise = [] { throw std::future_error(std::future_errc::broken_promise); };
  EXPECT_EQ(thrown_by<std::future_error>([&] { pool.submit(break_promise).get(); }).code(),
            std::future_errc::broken_promise);
  const auto parse = [] { std::regex("["); };
  EXPECT_EQ(thrown_by<std::regex_error>([&] { pool.submit(parse).get(); }).code(), std::regex_constants::error_brack);
}

TEST_P(ProcessPoolExceptions, OfExpectedKeepTheirErrors) {
  process_pool pool(options(1));
  const auto text = [] { static_cast<void>(std::expected<int, std::string>(std::unexpect, "why").value()); };
  EXPECT_EQ(thrown_by<std::bad_expected_access<std::string>>([&] { pool.submit(text).get(); }).error(), "why");
  const auto code = [] {
    static_cast<void>(std::expected<int, std::error_code>(std::unexpect, EIO, std::system_category()).value());
  };
  EXPECT_EQ(thrown_by<std::bad_expected_access<std::error_code>>([&] { pool.submit(code).get(); }).error(),
            std::error_code(EIO, std::system_category()));
  const auto failed = [] {
    const auto why = std::make_exception_ptr(std::out_of_range("why"));
    static_cast<void>(fanout::result<int>(std::unexpect, why).value());
  };
  const auto error = thrown_by<std::bad_expected_access<std::exception_ptr>>([&] { pool.submit(failed).get(); });
  EXPECT_STREQ(thrown_by<std::out_of_range>([&] { std::rethrow_exception(error.error()); }).what(), "why");
}

// --- causes

TEST_P(ProcessPoolExceptions, KeepWhatCausedThem) {  // T07
  process_pool pool(options(1));
  EXPECT_COMES_BACK(throw_caused_by(std::runtime_error("outer"), [] { throw std::out_of_range("inner"); }));
  EXPECT_COMES_BACK(throw_caused_by(std::bad_alloc(), [] { throw std::system_error(EIO, std::system_category()); }));
  EXPECT_COMES_BACK(throw_caused_by(fanout::timed_out("outer"), [] {
    throw_caused_by(std::system_error(EIO, std::system_category(), "middle"),
                    [] { std::filesystem::rename("/a", "/b"); });
  }));
  EXPECT_COMES_BACK(throw_caused_by(fanout::cancelled(), [] { throw std::out_of_range("inner"); }));
}

/// `depth` exceptions, each the cause of the next.
void throw_chain(int depth) {
  if (depth == 1) throw std::runtime_error("1");
  throw_caused_by(std::runtime_error(std::to_string(depth)), [&] { throw_chain(depth - 1); });
}

TEST_P(ProcessPoolExceptions, KeepChainsOf64) {
  process_pool pool(options(1));
  const auto chain = thrown_chain([&] { pool.submit(throw_chain, 64).get(); });
  EXPECT_EQ(chain, thrown_chain([] { throw_chain(64); }));
  EXPECT_EQ(chain.size(), 64U);
}

TEST_P(ProcessPoolExceptions, SayThatLongerChainsWereCut) {
  process_pool pool(options(1));
  const auto chain = thrown_chain([&] { pool.submit(throw_chain, 1000).get(); });
  ASSERT_EQ(chain.size(), 64U);
  EXPECT_EQ(chain.front(), thrown_chain([] { throw_chain(1000); }).front());
  EXPECT_EQ(chain.back(),
            "fanout::remote_error: 937 (what caused it is left out: this is a chain of more than 64 exceptions)");
}

struct their_error : std::exception {
  const char* what() const noexcept override { return "theirs"; }
};

TEST_P(ProcessPoolExceptions, KeepWhatCausedThemWhenTheirTypeIsLost) {
  process_pool pool(options(1));
  const auto task = [] { throw_caused_by(their_error(), [] { throw std::out_of_range("inner"); }); };
  const auto chain = thrown_chain([&] { pool.submit(task).get(); });
  ASSERT_EQ(chain.size(), 2U);
  EXPECT_TRUE(chain[0].ends_with(": theirs")) << chain[0];
  EXPECT_EQ(chain[1], "std::out_of_range: inner");
  const auto error = thrown_by<fanout::remote_error>([&] { pool.submit(task).get(); });
  EXPECT_EQ(error.type(), "(anonymous namespace)::their_error");
}

TEST_P(ProcessPoolExceptions, MayBeCausedByAnything) {
  process_pool pool(options(1));
  const auto task = [] { throw_caused_by(std::runtime_error("outer"), [] { throw 42; }); };
  const auto chain = thrown_chain([&] { pool.submit(task).get(); });
  ASSERT_EQ(chain.size(), 2U);
  EXPECT_EQ(chain[1], "fanout::remote_error: the task threw something of type int");
}

TEST_P(ProcessPoolExceptions, WithoutACauseDoNotPretendToHaveOne) {
  process_pool pool(options(1));
  const auto task = [] { std::throw_with_nested(std::runtime_error("x")); };  // outside of any handler
  EXPECT_EQ(thrown_chain([&] { pool.submit(task).get(); }), std::vector{"std::runtime_error: x"s});
}

// --- registered types

struct by_text : std::runtime_error {
  using std::runtime_error::runtime_error;
};
const fanout::registered_exception<by_text> by_text_comes_back;

struct prefixes_its_text : std::runtime_error {
  explicit prefixes_its_text(const char* text) : std::runtime_error("so: "s + text) {}
};
const fanout::registered_exception<prefixes_its_text> prefixes_its_text_comes_back;

struct keeps_its_own_text : std::exception {
  explicit keeps_its_own_text(std::string given) : text(std::move(given)) {}
  const char* what() const noexcept override { return text.c_str(); }
  std::string text;
};
const fanout::registered_exception<keeps_its_own_text> keeps_its_own_text_comes_back;

class parse_error : public std::runtime_error {
 public:
  parse_error() : parse_error({}, 0, {}) {}
  parse_error(const std::string& text, int line, std::vector<std::string> found)
      : std::runtime_error(text), line_(line), found_(std::move(found)) {}
  int line() const { return line_; }
  const std::vector<std::string>& found() const { return found_; }
  const char* what() const noexcept override {
    return line_ > 100 ? "the end of the file" : std::runtime_error::what();
  }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(line_, found_);
  }

 private:
  int line_;
  std::vector<std::string> found_;
};
const fanout::registered_exception<parse_error> parse_error_comes_back;

template <class T>
struct of_a_template : std::logic_error {
  using std::logic_error::logic_error;
};
const fanout::registered_exception<of_a_template<std::vector<int>>> of_a_template_comes_back;

struct io_error : std::system_error {
  explicit io_error(std::error_code code) : std::system_error(code, "io") {}
};
const fanout::registered_exception<io_error> io_error_comes_back;

TEST_P(ProcessPoolExceptions, ThatAreRegisteredComeBack) {
  process_pool pool(options(1));
  EXPECT_COMES_BACK(throw by_text("x"));
  EXPECT_COMES_BACK(throw prefixes_its_text("x"));
  EXPECT_COMES_BACK(throw keeps_its_own_text("x"));
  EXPECT_COMES_BACK(throw of_a_template<std::vector<int>>("x"));
  EXPECT_COMES_BACK(throw io_error(std::error_code(EIO, std::system_category())));
  EXPECT_COMES_BACK(throw parse_error("x", 1, {}));
  EXPECT_COMES_BACK(throw parse_error("x", 101, {}));
}

TEST_P(ProcessPoolExceptions, ThatAreRegisteredKeepTheirFields) {
  process_pool pool(options(1));
  const auto task = [](int line) { throw parse_error("x", line, {"a", "b"}); };
  const auto error = thrown_by<parse_error>([&] { pool.submit(task, 7).get(); });
  EXPECT_EQ(error.line(), 7);
  EXPECT_EQ(error.found(), (std::vector{"a"s, "b"s}));
}

TEST_P(ProcessPoolExceptions, ThatAreRegisteredKeepWhatCausedThem) {
  process_pool pool(options(1));
  EXPECT_COMES_BACK(throw_caused_by(by_text("outer"), [] { throw parse_error("inner", 1, {}); }));
  EXPECT_COMES_BACK(throw_caused_by(of_a_template<std::vector<int>>("outer"), [] {
    throw_caused_by(parse_error("middle", 1, {}), [] { throw by_text("inner"); });
  }));
}

struct holds_its_cause : std::runtime_error, std::nested_exception {
  using std::runtime_error::runtime_error;
};
const fanout::registered_exception<holds_its_cause> holds_its_cause_comes_back;

TEST_P(ProcessPoolExceptions, ThatAreNestedThemselvesKeepWhatCausedThem) {
  process_pool pool(options(1));
  EXPECT_COMES_BACK(throw_caused_by(holds_its_cause("outer"), [] { throw std::out_of_range("inner"); }));
  EXPECT_COMES_BACK(try { throw by_text("inner"); } catch (...) { throw holds_its_cause("outer"); });
  const auto error = thrown_by<holds_its_cause>([&] { pool.submit([] { throw holds_its_cause("alone"); }).get(); });
  EXPECT_EQ(error.nested_ptr(), nullptr);
}

struct failed_step {
  int number;
  std::string name;
};
const fanout::registered_exception<failed_step> failed_step_comes_back;

TEST_P(ProcessPoolExceptions, NeedNotDeriveFromAnything) {
  process_pool pool(options(1));
  const auto error = thrown_by<failed_step>([&] { pool.submit([] { throw failed_step{3, "bake"}; }).get(); });
  EXPECT_EQ(error.number, 3);
  EXPECT_EQ(error.name, "bake");
  const auto nested = [] { throw_caused_by(failed_step{4, "cool"}, [] { throw std::out_of_range("inner"); }); };
  try {
    pool.submit(nested).get();
    FAIL() << "nothing was thrown";
  } catch (const std::nested_exception& outer) {
    EXPECT_EQ(dynamic_cast<const failed_step&>(outer).number, 4);
    EXPECT_STREQ(thrown_by<std::out_of_range>([&] { outer.rethrow_nested(); }).what(), "inner");
  }
}

struct says_something_else : std::exception {
  explicit says_something_else(const std::string& given) : text("so: " + given) {}
  const char* what() const noexcept override { return text.c_str(); }
  std::string text;
};
const fanout::registered_exception<says_something_else> says_something_else_is_registered;

TEST_P(ProcessPoolExceptions, ThatCannotBeMadeToSayTheSameAreRemoteErrors) {
  process_pool pool(options(1));
  const auto error =
      thrown_by<fanout::remote_error>([&] { pool.submit([] { throw says_something_else("x"); }).get(); });
  EXPECT_EQ(error.type(), "(anonymous namespace)::says_something_else");
  EXPECT_STREQ(error.what(), "so: x");
}

struct cloud_category final : std::error_category {
  const char* name() const noexcept override { return "cloud"; }
  std::string message(int value) const override { return "rain " + std::to_string(value); }
};
const cloud_category cloud;

TEST_P(ProcessPoolExceptions, WithCodesOfUnknownCategoriesAreRemoteErrors) {
  process_pool pool(options(1));
  const auto task = [] { throw std::system_error(3, cloud, "x"); };
  const auto error = thrown_by<fanout::remote_error>([&] { pool.submit(task).get(); });
  EXPECT_EQ(error.type(), "std::system_error");
  EXPECT_STREQ(error.what(), "x: rain 3");
}

struct registered_cloud_category final : std::error_category {
  const char* name() const noexcept override { return "registered cloud"; }
  std::string message(int value) const override { return "rain " + std::to_string(value); }
};
const registered_cloud_category registered_cloud;
const fanout::registered_error_category registered_cloud_comes_back(registered_cloud);

TEST_P(ProcessPoolExceptions, WithCodesOfRegisteredCategoriesComeBack) {
  process_pool pool(options(1));
  EXPECT_COMES_BACK(throw std::system_error(3, registered_cloud, "x"));
  EXPECT_COMES_BACK(throw io_error(std::error_code(3, registered_cloud)));
  const auto task = [] { throw std::system_error(3, registered_cloud); };
  EXPECT_EQ(thrown_by<std::system_error>([&] { pool.submit(task).get(); }).code(),
            std::error_code(3, registered_cloud));
}

TEST_P(ProcessPoolExceptions, OfLibrariesLoadedLaterComeBack) {
  void* const library = ::dlopen(FANOUT_THROWING_PLUGIN, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << ::dlerror();
  const auto throw_from_there = reinterpret_cast<void (*)(int)>(::dlsym(library, "plugin_throw"));
  {
    process_pool pool(options(1));
    try {
      pool.submit(throw_from_there, 7).get();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const fanout_test::plugin_error& error) {
      EXPECT_STREQ(error.what(), "bad line");
      EXPECT_EQ(error.line, 7);
    }
  }
  ::dlclose(library);
}

// --- types that do not come back

struct their_runtime_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct derived_from_registered : by_text {
  using by_text::by_text;
};

TEST_P(ProcessPoolExceptions, OfOtherTypesAreRemoteErrors) {  // T08
  process_pool pool(options(1));
  const auto thrown = [&](void (*task)()) { return thrown_by<fanout::remote_error>([&] { pool.submit(task).get(); }); };
  const auto theirs = thrown([] { throw their_error(); });
  EXPECT_EQ(theirs.type(), "(anonymous namespace)::their_error");
  EXPECT_STREQ(theirs.what(), "theirs");
  EXPECT_EQ(thrown([] { throw their_runtime_error("x"); }).type(), "(anonymous namespace)::their_runtime_error");
  EXPECT_EQ(thrown([] { throw derived_from_registered("x"); }).type(),
            "(anonymous namespace)::derived_from_registered");
  EXPECT_EQ(thrown([] { throw 42; }).type(), "int");
  EXPECT_EQ(thrown([] { throw "text"s; }).type(),
            "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >");
}

TEST_P(ProcessPoolExceptions, OutOfNoexceptEndTheWorker) {  // T08
  process_pool pool(options(1));
  const auto error = thrown_by<fanout::worker_died>([&] { pool.submit([]() noexcept { std::string().at(1); }).get(); });
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
  const auto silent = thrown_by<fanout::remote_error>([&] { pool.submit([] { throw hostile_error(0); }).get(); });
  EXPECT_EQ(silent.type(), "(anonymous namespace)::hostile_error");
  EXPECT_STREQ(silent.what(), "");
  EXPECT_THROW(pool.submit([] { throw hostile_error(1); }).get(), fanout::worker_died);
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
}

/// Made once in each process; every copy throws.
struct cannot_be_copied : std::runtime_error {
  explicit cannot_be_copied(const std::string& text) : std::runtime_error(text) {}
  cannot_be_copied(const cannot_be_copied& other) : std::runtime_error(other) { throw std::out_of_range("no copies"); }
};
struct cannot_be_copied_back : cannot_be_copied {
  using cannot_be_copied::cannot_be_copied;
};
const fanout::registered_exception<cannot_be_copied_back> cannot_be_copied_back_is_registered;

TEST_P(ProcessPoolExceptions, WhoseCopiesThrowFailOnlyTheirTask) {  // T09
  process_pool pool(options(1));
  const auto lost = thrown_by<fanout::remote_error>([&] { pool.submit([] { throw cannot_be_copied("x"); }).get(); });
  EXPECT_EQ(lost.type(), "(anonymous namespace)::cannot_be_copied");
  EXPECT_STREQ(lost.what(), "x");
  const auto undecoded =
      thrown_by<fanout::serialization_error>([&] { pool.submit([] { throw cannot_be_copied_back("x"); }).get(); });
  EXPECT_STREQ(
      undecoded.what(),
      "the task threw (anonymous namespace)::cannot_be_copied_back (x), which could not be decoded: no copies");
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
}

/// Its serialize function throws on the one side or on the other.
struct cannot_travel : std::runtime_error {
  explicit cannot_travel(const std::string& text) : std::runtime_error(text) {}
  bool can_be_sent = false;
  template <class Archive>
  void save(Archive& archive) const {
    if (!can_be_sent) throw std::out_of_range("no way out");
    archive(can_be_sent);
  }
  template <class Archive>
  void load(Archive&) {
    throw 42;
  }
};
const fanout::registered_exception<cannot_travel> cannot_travel_is_registered;

TEST_P(ProcessPoolExceptions, WhoseSerializeFunctionsThrowFailOnlyTheirTask) {  // T12
  process_pool pool(options(1));
  const auto unsent = thrown_by<fanout::remote_error>([&] { pool.submit([] { throw cannot_travel("x"); }).get(); });
  EXPECT_EQ(unsent.type(), "(anonymous namespace)::cannot_travel");
  EXPECT_STREQ(unsent.what(), "x (and could not be sent as what it is: no way out)");
  const auto task = [] {
    cannot_travel error("x");
    error.can_be_sent = true;
    throw error;
  };
  const auto undecoded = thrown_by<fanout::serialization_error>([&] { pool.submit(task).get(); });
  EXPECT_STREQ(
      undecoded.what(),
      "the task threw (anonymous namespace)::cannot_travel (x), which could not be decoded: its code threw int");
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
  const auto error =
      thrown_by<std::out_of_range>([&] { static_cast<void>(pool.map(fail_from_3, std::vector{1, 2, 3, 4}).get()); });
  EXPECT_STREQ(error.what(), "3");
}

}  // namespace
