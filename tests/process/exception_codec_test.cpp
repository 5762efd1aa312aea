// SPDX-License-Identifier: Apache-2.0
// Exceptions to bytes and back, without a process in between: bytes that no worker would send, and who is registered
// when.
#include <dlfcn.h>

#include <atomic>
#include <cstring>
#include <exception>
#include <expected>
#include <filesystem>
#include <future>
#include <random>
#include <regex>
#include <stdexcept>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "fanout/detail/archive.hpp"
#include "fanout/errors.hpp"
#include "fanout/registered_exception.hpp"
#include "namesake.hpp"
#include "plugin_error.hpp"
#include "process/exception_codec.hpp"
#include "support.hpp"
#include "thrown.hpp"

namespace {

using namespace std::string_literals;
using fanout_test::throw_caused_by;
using fanout_test::thrown_by;
using fanout_test::thrown_chain;
using bytes = std::vector<std::byte>;

template <class Call>
bytes encoded(Call&& call) {
  fanout::detail::byte_buffer out;
  try {
    call();
  } catch (...) {
    fanout::detail::encode_current_exception(out);
  }
  return bytes(out.bytes().begin(), out.bytes().end());
}

void rethrow_decoded(const bytes& from) { std::rethrow_exception(fanout::detail::decode_exception(from)); }

template <class Call>
void there_and_back(Call&& call) {
  rethrow_decoded(encoded(call));
}

struct with_fields : std::runtime_error {
  explicit with_fields(const std::string& text) : std::runtime_error(text) {}
  std::vector<std::string> names;
  std::vector<double> numbers;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(names, numbers);
  }
};
const fanout::registered_exception<with_fields> with_fields_comes_back;

/// One encoding with something of everything.
bytes example() {
  return encoded([] {
    throw_caused_by(std::runtime_error("outermost"), [] {
      throw_caused_by(std::filesystem::filesystem_error("x", "/a", "/b", std::make_error_code(std::errc::io_error)),
                      [] {
                        try {
                          std::regex("(");
                        } catch (...) {
                          with_fields error("fields");
                          error.names = {"a", "b"};
                          error.numbers = {1, 2, 3};
                          std::throw_with_nested(error);
                        }
                      });
    });
  });
}

/// Some exception comes of these bytes, and none of a kind that says that memory was taken on their word.
void expect_harmless(const bytes& from) {
  const auto made = fanout::detail::decode_exception(from);
  ASSERT_NE(made, nullptr);
  for (const std::string& line : thrown_chain([&] { std::rethrow_exception(made); })) {
    EXPECT_EQ(line.find("bad_alloc"), std::string::npos) << line;
    EXPECT_EQ(line.find("length_error"), std::string::npos) << line;
  }
}

TEST(ExceptionCodec, TruncatedBytesAreSerializationErrors) {
  const bytes whole = example();
  ASSERT_EQ(thrown_chain([&] { rethrow_decoded(whole); }).size(), 4U);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_THROW(rethrow_decoded(part), fanout::serialization_error) << length;
  }
}

TEST(ExceptionCodec, LengthsAreNotBelieved) {
  const bytes whole = example();
  for (const std::uint64_t length : {~std::uint64_t{0}, std::uint64_t{1} << 62, std::uint64_t{1} << 40}) {
    for (std::size_t at = 0; at + sizeof length <= whole.size(); ++at) {
      bytes spoilt = whole;
      std::memcpy(spoilt.data() + at, &length, sizeof length);
      expect_harmless(spoilt);
    }
  }
}

TEST(ExceptionCodec, SpoiltBytesDoNoHarm) {
  const bytes whole = example();
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    bytes spoilt = whole;
    for (auto flips = random() % 4 + 1; flips > 0; --flips) {
      spoilt[random() % spoilt.size()] ^= static_cast<std::byte>(1U << random() % 8);
    }
    expect_harmless(spoilt);
  }
}

TEST(ExceptionCodec, RandomBytesDoNoHarm) {
  std::mt19937 random(2);
  for (int round = 0; round < 20'000; ++round) {
    bytes noise(random() % 200);
    for (std::byte& b : noise) b = static_cast<std::byte>(random() % (round % 2 == 0 ? 256 : 4));
    expect_harmless(noise);
  }
}

/// What a worker would send for `form`, but with parts of another's.
bytes forged(const std::string& type_name, const bytes& parts, std::uint8_t cause) {
  fanout::detail::byte_buffer out;
  fanout::detail::writer to(out);
  to(type_name, "a type"s, "a text"s, parts, cause);
  return bytes(out.bytes().begin(), out.bytes().end());
}

TEST(ExceptionCodec, FormsRefusePartsThatAreNotTheirs) {
  std::mt19937 random(3);
  for (const std::type_info* const type :
       {&typeid(std::runtime_error), &typeid(std::system_error), &typeid(std::filesystem::filesystem_error),
        &typeid(std::regex_error), &typeid(std::future_error), &typeid(std::bad_expected_access<std::error_code>),
        &typeid(fanout::remote_error), &typeid(fanout::worker_died), &typeid(with_fields)}) {
    EXPECT_THROW(rethrow_decoded(forged(type->name(), {}, 0)), fanout::serialization_error) << type->name();
    for (int round = 0; round < 2'000; ++round) {
      bytes noise(random() % 100);
      for (std::byte& b : noise) b = static_cast<std::byte>(random() % (round % 2 == 0 ? 256 : 3));
      expect_harmless(forged(type->name(), noise, 0));
    }
  }
}

TEST(ExceptionCodec, ChainsEnd) {
  const bytes one = forged("", {}, 1);
  bytes many;
  for (int i = 0; i < 100'000; ++i) many.insert(many.end(), one.begin(), one.end());
  EXPECT_THROW(rethrow_decoded(many), fanout::serialization_error);
}

TEST(ExceptionCodec, OnlyWhatCanHaveACauseGetsOne) {
  bytes chain = forged("i", {}, 1);  // an int, which is not registered: a remote_error, which can
  const bytes inner = forged("", {}, 0);
  chain.insert(chain.end(), inner.begin(), inner.end());
  EXPECT_EQ(thrown_chain([&] { rethrow_decoded(chain); }).size(), 2U);
  chain = forged(typeid(std::bad_variant_access).name(), {}, 2);  // it has no place for one
  chain.insert(chain.end(), inner.begin(), inner.end());
  EXPECT_THROW(rethrow_decoded(chain), fanout::serialization_error);
  EXPECT_THROW(rethrow_decoded(forged("", {}, 3)), fanout::serialization_error);
}

struct cause_inside : std::runtime_error, std::nested_exception {
  using std::runtime_error::runtime_error;
};
const fanout::registered_exception<cause_inside> cause_inside_comes_back;

TEST(ExceptionCodec, WhatIsHandledMeanwhileIsNoCause) {
  const bytes alone = encoded([] { throw cause_inside("alone"); });
  const bytes caused = encoded([] { throw_caused_by(std::runtime_error("outer"), [] { throw std::bad_alloc(); }); });
  try {
    throw std::out_of_range("a stranger");
  } catch (...) {
    EXPECT_EQ(thrown_by<cause_inside>([&] { rethrow_decoded(alone); }).nested_ptr(), nullptr);
    const auto chain = thrown_chain([&] { rethrow_decoded(caused); });
    ASSERT_EQ(chain.size(), 2U);
    EXPECT_TRUE(chain[1].starts_with("std::bad_alloc")) << chain[1];
  }
}

// --- registration

struct sometimes_registered : std::runtime_error {
  using std::runtime_error::runtime_error;
};

TEST(ExceptionCodec, TypesComeBackWhileTheyAreRegistered) {
  const auto task = [] { throw sometimes_registered("x"); };
  EXPECT_THROW(there_and_back(task), fanout::remote_error);
  {
    const fanout::registered_exception<sometimes_registered> first;
    {
      const fanout::registered_exception<sometimes_registered> second;
      EXPECT_THROW(there_and_back(task), sometimes_registered);
    }
    EXPECT_THROW(there_and_back(task), sometimes_registered);
  }
  EXPECT_THROW(there_and_back(task), fanout::remote_error);
}

TEST(ExceptionCodec, TypesOnlyOneSideHasRegisteredAreRemoteErrors) {
  const auto task = [] { throw sometimes_registered("x"); };
  const bytes unregistered = encoded(task);
  bytes registered;
  {
    const fanout::registered_exception<sometimes_registered> here;
    registered = encoded(task);
    EXPECT_THROW(rethrow_decoded(unregistered), fanout::remote_error);
  }
  const auto error = thrown_by<fanout::remote_error>([&] { rethrow_decoded(registered); });
  EXPECT_EQ(error.type(), "(anonymous namespace)::sometimes_registered");
  EXPECT_STREQ(error.what(), "x");
}

struct namesake : std::exception {  // unlike that of namesake.cpp
  std::vector<std::string> fields = {"a", "b"};
  template <class Archive>
  void serialize(Archive& archive) {
    archive(fields);
  }
};

TEST(ExceptionCodec, NamesakesOfOtherFilesAreNotMistaken) {
  const fanout::registered_exception<namesake> here;
  EXPECT_THROW(there_and_back([] { throw namesake(); }), namesake);
  EXPECT_STREQ(
      thrown_by<fanout::remote_error>([] { there_and_back([] { fanout_test::throw_other_namesake(false); }); }).what(),
      "other");
  EXPECT_STREQ(
      thrown_by<fanout::remote_error>([] { there_and_back([] { fanout_test::throw_other_namesake(true); }); }).what(),
      "other");
}

TEST(ExceptionCodec, NamesakesThatAreBothRegisteredAreRemoteErrors) {
  const fanout::registered_exception<namesake> here;
  const auto there = fanout_test::register_other_namesake();
  EXPECT_THROW(there_and_back([] { throw namesake(); }), fanout::remote_error);
  EXPECT_THROW(there_and_back([] { fanout_test::throw_other_namesake(false); }), fanout::remote_error);
}

TEST(ExceptionCodec, TypesOfALibraryComeBackWhileItIsLoaded) {
  void* const library = ::dlopen(FANOUT_THROWING_PLUGIN, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << ::dlerror();
  const auto throw_from_there = reinterpret_cast<void (*)(int)>(::dlsym(library, "plugin_throw"));
  const bytes sent = encoded([&] { throw_from_there(7); });
  EXPECT_EQ(thrown_by<fanout_test::plugin_error>([&] { rethrow_decoded(sent); }).line, 7);
  ::dlclose(library);
  const auto error = thrown_by<fanout::remote_error>([&] { rethrow_decoded(sent); });
  EXPECT_EQ(error.type(), "fanout_test::plugin_error");
  EXPECT_STREQ(error.what(), "bad line");
}

TEST(ExceptionCodec, RegistrationMayHappenMeanwhile) {
  std::atomic<bool> over = false;
  std::jthread registers([&] {
    while (!over) const fanout::registered_exception<sometimes_registered> one;
  });
  for (int i = 0; i < 1'000; ++i) {
    const auto chain = thrown_chain([] { there_and_back([] { throw sometimes_registered("x"); }); });
    EXPECT_TRUE(chain.at(0).ends_with(": x")) << chain[0];
  }
  over = true;
}

/// Registered before whatever else is in this file, and in the library, perhaps.
const bool came_back_before_main = [] {
  const fanout::registered_exception<sometimes_registered> now;
  try {
    there_and_back([] { throw sometimes_registered("x"); });
  } catch (const sometimes_registered&) {
    return true;
  } catch (...) {
  }
  return false;
}();

TEST(ExceptionCodec, WorksBeforeMain) { EXPECT_TRUE(came_back_before_main); }

}  // namespace
