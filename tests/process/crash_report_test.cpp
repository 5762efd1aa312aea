// SPDX-License-Identifier: Apache-2.0
// What a program says of a worker's crash: the reason, and the function that the user wants to know of. Whatever the
// record holds.
#include "process/crash_report.hpp"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "crashing.hpp"
#include "fanout/detail/shipping.hpp"
#include "fanout/fn.hpp"
#include "support.hpp"

namespace {

using fanout::detail::crash_facts;
using fanout::detail::crash_state;
using fanout::detail::describe_crash;
using fanout_test::shared_record;
using fanout_test::worker_with_record;
using ::testing::Test;

class CrashReport : public fanout_test::clean_process_test {};

FANOUT_UNCHECKED void write_to_nowhere(long) {
  *reinterpret_cast<volatile int*>(std::uintptr_t{0}) = 1;
  asm volatile("");
}

FANOUT_UNCHECKED int overflow_the_stack(int depth) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(depth);
  return depth == -1 ? 0 : overflow_the_stack(depth + 1) + frame[0];
}

/// Calls f, and is still there meanwhile.
template <class F>
__attribute__((noinline)) void calls(F f) {
  f();
  asm volatile("");
}

__attribute__((noinline)) void careless() noexcept {
  calls([] { throw std::runtime_error("x"); });
  asm volatile("");
}

__attribute__((noinline)) void throws_at_once() {
  static const std::vector<int> nothing;
  static_cast<void>(nothing.at(3));
  asm volatile("");
}

FANOUT_UNCHECKED std::size_t asks_nothing_for_its_length() {
  const char* volatile nothing = nullptr;
  const volatile std::size_t length = std::strlen(nothing);
  return length;
}

__attribute__((noinline)) void gives_up() { std::abort(); }

FANOUT_UNCHECKED void calls_nothing() {
  void (*volatile nothing)() = nullptr;
  nothing();
  asm volatile("");
}

__attribute__((noinline)) void sorts_badly() {
  std::vector<int> numbers(100);
  const std::function<bool(int, int)> nothing;
  std::ranges::sort(numbers, [&](int a, int b) { return nothing(a, b); });
  asm volatile("");
}

std::string words_of(void (*task)()) {
  return worker_with_record([] { std::set_terminate([] { ::abort(); }); }, task).words();
}

TEST_F(CrashReport, NamesTheAddressAndTheFunctionThatCrashed) {
  EXPECT_EQ(words_of([] { write_to_nowhere(1); }), "at address 0x0 in (anonymous namespace)::write_to_nowhere(long)");
}

TEST_F(CrashReport, NamesAStackOverflow) {
  EXPECT_EQ(words_of([] { overflow_the_stack(0); }),
            "stack overflow in (anonymous namespace)::overflow_the_stack(int)");
}

TEST_F(CrashReport, NamesTheCallerOfTheSystemsFunctions) {
  EXPECT_EQ(words_of(gives_up), "in (anonymous namespace)::gives_up()");
  EXPECT_EQ(words_of([] { asks_nothing_for_its_length(); }),
            "at address 0x0 in (anonymous namespace)::asks_nothing_for_its_length()");
}

TEST_F(CrashReport, NamesTheCallerOfNoFunction) {
  EXPECT_EQ(words_of(calls_nothing), "at address 0x0 in (anonymous namespace)::calls_nothing()");
}

TEST_F(CrashReport, NamesTheExceptionAndTheFunctionThatLetNonePass) {
  EXPECT_EQ(words_of(careless), "in terminate (std::runtime_error: x) in (anonymous namespace)::careless()");
}

TEST_F(CrashReport, NamesTheFunctionWhoseExceptionNobodyCaught) {
  const std::string words = words_of([] { std::thread(throws_at_once).join(); });
  EXPECT_TRUE(words.starts_with("in terminate (std::out_of_range: ")) << words;
  EXPECT_TRUE(words.ends_with(") in (anonymous namespace)::throws_at_once()")) << words;
}

TEST_F(CrashReport, NamesTheUsersFunctionNotTheTemplatesItUses) {
  const std::string words = words_of([] {
    std::thread(sorts_badly).join();  // bad_function_call
  });
  EXPECT_TRUE(words.starts_with("in terminate (std::bad_function_call: ")) << words;
  EXPECT_TRUE(words.contains("sorts_badly()")) << words;
}

/// Runs a task as a worker does, which finds the thunk by its address.
template <class F, class... Args>
std::string words_of_thunk(void* function, const Args&... arguments) {
  return worker_with_record([&] {
           fanout::detail::byte_buffer inputs, out;
           fanout::detail::writer to(inputs);
           to(arguments...);
           const fanout::detail::incoming_message in{inputs.bytes()};
           fanout::detail::remote_call call{in, out, function};
           void (*volatile thunk)(fanout::detail::remote_call&) = &fanout::detail::run_remotely<F, Args...>;
           thunk(call);
         })
      .words();
}

TEST_F(CrashReport, NamesWhatTheCompilerPutIntoOurThunk) {
  const auto task = [] { __builtin_trap(); };
  const std::string words = words_of_thunk<std::remove_const_t<decltype(task)>>(nullptr);
  EXPECT_TRUE(words.starts_with("in ")) << words;
  EXPECT_TRUE(words.contains("NamesWhatTheCompilerPutIntoOurThunk_Test::TestBody()::$_")) << words;
}

struct account {
  int balance;
  __attribute__((always_inline)) int after(int amount) const {
    if (amount > balance) __builtin_trap();
    return balance - amount;
  }
};

TEST_F(CrashReport, NamesTheMemberFunctionThatTheCompilerPutIntoOurThunk) {
  using after = fanout::fn_t<&account::after>;
  EXPECT_EQ(words_of_thunk<after>(nullptr, account{.balance = 3}, 5),
            "in (anonymous namespace)::account::after(int) const");
}

TEST_F(CrashReport, NamesNothingOutsideOfOurThunk) {
  int (*const function)(int) = &::raise;
  const std::string words = words_of_thunk<int (*)(int)>(reinterpret_cast<void*>(function), SIGILL);
  EXPECT_FALSE(words.contains("words_of_thunk")) << words;
  EXPECT_TRUE(words.starts_with("in ")) << words;
}

TEST_F(CrashReport, NamesWhoSentTheSignal) {
  const worker_with_record worker([] { fanout_test::wait_for_signal_from_another(SIGBUS); });
  const std::string words = worker.words();
  EXPECT_TRUE(words.starts_with("sent by process " + std::to_string(worker.facts().sender) + " in ")) << words;
}

TEST_F(CrashReport, GivesTheOffsetInAModuleWithoutSymbols) {
  shared_record record;
  record->facts = {.signal = SIGILL, .frame_count = 1, .module_count = 1};
  record->facts.frames[0] = {.module = 0, .reserved = 0, .offset = 0x1234};
  std::strcpy(record->facts.modules[0], "/nowhere/libfoo.so");
  record->state = crash_state::whole;
  EXPECT_EQ(describe_crash(*record), "in libfoo.so+0x1234");
}

TEST_F(CrashReport, IsEmptyBeforeTheRecordIsWritten) {
  shared_record record;
  EXPECT_EQ(describe_crash(*record), "");
  record->facts.signal = SIGSEGV;
  record->facts.has_address = 1;
  record->state = crash_state::being_written;
  EXPECT_EQ(describe_crash(*record), "");
  record->state = crash_state::outlined;
  EXPECT_EQ(describe_crash(*record), "at address 0x0");
}

TEST_F(CrashReport, IsEmptyIfTheWorkerDiedOfAnotherSignal) {
  shared_record record;
  record->facts.signal = SIGSEGV;
  record->facts.has_address = 1;
  record->state = crash_state::whole;
  EXPECT_EQ(describe_crash(*record, SIGSEGV), "at address 0x0");
  EXPECT_EQ(describe_crash(*record, SIGKILL), "");
}

TEST_F(CrashReport, HasNoCharactersThatCannotBePrinted) {
  shared_record record;
  record->facts.signal = SIGABRT;
  std::strcpy(record->facts.text,
              "a\x01\n\x7f"
              "b\xff \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 \xc0\xaf\xed\xa0\x80\xe2\x82");
  record->state = crash_state::whole;
  EXPECT_EQ(describe_crash(*record),
            "in terminate (a???b? \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 " + std::string(7, '?') + ")");
}

TEST_F(CrashReport, BearsTextsWithoutEndAndNumbersTooLarge) {
  shared_record record;
  std::memset(static_cast<void*>(&record->facts), 'x', sizeof record->facts);
  record->state = crash_state::whole;
  EXPECT_LT(describe_crash(*record).size(), 2000U);
  record->facts.sender = 0;
  record->facts.frame_count = crash_facts::most_frames;
  record->facts.module_count = crash_facts::most_modules;
  for (auto& frame : record->facts.frames) frame.module = 7;
  EXPECT_LT(describe_crash(*record).size(), 2000U);
}

TEST_F(CrashReport, BearsWhateverTheTaskHasWrittenIntoTheRecord) {
  const worker_with_record worker([] { write_to_nowhere(1); });
  shared_record record;
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    record->facts = worker.facts();
    auto* const bytes = reinterpret_cast<unsigned char*>(&record->facts);
    const std::size_t damages = i % 3 == 0 ? sizeof(crash_facts) : random() % 200;
    for (std::size_t n = 0; n < damages; ++n)
      bytes[random() % (i % 3 == 1 ? 560 : sizeof(crash_facts))] = static_cast<unsigned char>(random());
    record->state = static_cast<crash_state>(i % 5);
    EXPECT_LT(describe_crash(*record).size(), 2000U);
  }
}

}  // namespace
