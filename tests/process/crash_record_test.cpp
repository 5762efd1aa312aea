// SPDX-License-Identifier: Apache-2.0
// Whatever a worker crashes of, it dies of that very signal, and leaves a record that says where.
#include "process/crash_record.hpp"

#include <pthread.h>
#include <sys/resource.h>

#include <atomic>
#include <barrier>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>

#include "crashing.hpp"
#include "support.hpp"

namespace {

using fanout::detail::crash_facts;
using fanout::detail::crash_frame;
using fanout::detail::crash_state;
using fanout_test::worker_with_record;

class CrashRecord : public fanout_test::clean_process_test {};

FANOUT_UNCHECKED void write_at(std::uintptr_t address) { *reinterpret_cast<volatile int*>(address) = 1; }

FANOUT_UNCHECKED void divide_by_zero() {
  volatile int zero = 0, result = 1;
  result = result / zero;
}

FANOUT_UNCHECKED int overflow_the_stack(int depth) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(depth);
  return depth == -1 ? 0 : overflow_the_stack(depth + 1) + frame[0];
}

std::uintptr_t lowest_of_the_stack() {
  pthread_attr_t attributes;
  void* lowest = nullptr;
  std::size_t size = 0;
  ::pthread_getattr_np(::pthread_self(), &attributes);
  ::pthread_attr_getstack(&attributes, &lowest, &size);
  ::pthread_attr_destroy(&attributes);
  return reinterpret_cast<std::uintptr_t>(lowest);
}

/// The file of a mapping has become shorter.
FANOUT_UNCHECKED void read_past_the_end() {
  const int file = ::memfd_create("short", MFD_CLOEXEC);
  const auto* const page = static_cast<const volatile char*>(::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0));
  static_cast<void>(*page);
}

FANOUT_UNCHECKED void trap() { __builtin_trap(); }
FANOUT_UNCHECKED void stop_for_debugger() { __builtin_debugtrap(); }

template <class E>
__attribute__((noinline)) void throw_copy_of(const E& exception) {
  throw exception;
}
template <class E>
void throw_uncaught(const E& exception) noexcept {
  throw_copy_of(exception);
}

FANOUT_UNCHECKED void call_no_function() {
  void (*volatile nothing)() = nullptr;
  nothing();
  asm volatile("");
}

/// Instead of libstdc++'s handler, which prints the exception.
void print_nothing() {
  std::set_terminate([] { ::abort(); });
}

void expect_whole(const worker_with_record& worker, int signal) {
  EXPECT_EQ(worker.signal(), signal);
  EXPECT_EQ(worker.state(), crash_state::whole);
  EXPECT_EQ(worker.facts().signal, signal);
  EXPECT_EQ(worker.facts().thread, worker.pid());
  EXPECT_EQ(worker.facts().sender, 0);
  EXPECT_GE(worker.facts().frame_count, 2U);
  EXPECT_LE(worker.facts().frame_count, crash_facts::most_frames);
  EXPECT_GE(worker.facts().module_count, 1U);
  EXPECT_LE(worker.facts().module_count, crash_facts::most_modules);
}

void expect_no_record(const worker_with_record& worker) {
  EXPECT_EQ(worker.state(), crash_state::none);
  EXPECT_EQ(worker.words(), "");
}

TEST_F(CrashRecord, OfAWrongAddressHasThatAddress) {
  const worker_with_record at_null([] { write_at(0); });
  expect_whole(at_null, SIGSEGV);
  EXPECT_EQ(at_null.facts().code, SEGV_MAPERR);
  EXPECT_EQ(at_null.facts().has_address, 1U);
  EXPECT_EQ(at_null.facts().address, 0U);
  EXPECT_EQ(at_null.facts().stack_overflow, 0U);
  const worker_with_record elsewhere([] { write_at(0x1230); });
  EXPECT_EQ(elsewhere.facts().address, 0x1230U);
}

TEST_F(CrashRecord, FramesBeginWithTheInstructionThatFailed) {
  const worker_with_record worker([] { trap(); });
  expect_whole(worker, SIGILL);
  EXPECT_EQ(worker.facts().has_address, 1U);
  const crash_frame& first = worker.facts().frames[0];
  ASSERT_LT(first.module, worker.facts().module_count);
  EXPECT_EQ(worker.facts().modules[first.module], std::filesystem::read_symlink("/proc/self/exe").string());
  EXPECT_EQ(worker.facts().address % 4096, first.offset % 4096) << "a module is loaded at a page's beginning";
}

TEST_F(CrashRecord, OfAnAddressThatCannotBeHasNone) {
  const worker_with_record worker([] { write_at(std::uintptr_t{1} << 63); });
  expect_whole(worker, SIGSEGV);
  EXPECT_EQ(worker.facts().has_address, 0U);
}

TEST_F(CrashRecord, IsWrittenForEverySignalOfACrash) {
  expect_whole(worker_with_record([] { std::abort(); }), SIGABRT);
  expect_whole(worker_with_record(divide_by_zero), SIGFPE);
  expect_whole(worker_with_record(read_past_the_end), SIGBUS);
  expect_whole(worker_with_record(stop_for_debugger), SIGTRAP);
}

TEST_F(CrashRecord, IsWrittenForSignalsThatTheTaskRaises) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP}) {
    const worker_with_record worker([&] { ::raise(signal); });
    expect_whole(worker, signal);
    EXPECT_EQ(worker.facts().has_address, 0U);
  }
}

TEST_F(CrashRecord, SaysWhichOtherProcessSentTheSignal) {
  const pid_t self = ::getpid();
  const worker_with_record worker([] { fanout_test::wait_for_signal_from_another(SIGSEGV); });
  EXPECT_EQ(worker.signal(), SIGSEGV);
  EXPECT_GT(worker.facts().sender, 0);
  EXPECT_NE(worker.facts().sender, worker.pid());
  EXPECT_NE(worker.facts().sender, self);
  EXPECT_EQ(worker.facts().has_address, 0U);
}

TEST_F(CrashRecord, TellsAStackOverflowFromOtherFaults) {
  const worker_with_record overflow([] { overflow_the_stack(0); });
  expect_whole(overflow, SIGSEGV);
  EXPECT_EQ(overflow.facts().stack_overflow, 1U);
  EXPECT_EQ(overflow.facts().frame_count, crash_facts::most_frames);
  const worker_with_record wild([] { write_at(lowest_of_the_stack() - 64); });
  expect_whole(wild, SIGSEGV);
  EXPECT_EQ(wild.facts().stack_overflow, 0U);
}

TEST_F(CrashRecord, HoldsTheExceptionThatNobodyCaught) {
  const worker_with_record worker(print_nothing, [] { throw_uncaught(std::runtime_error("x")); });
  expect_whole(worker, SIGABRT);
  EXPECT_STREQ(worker.facts().text, "std::runtime_error: x");
  const worker_with_record of_an_int(print_nothing, [] { throw_uncaught(1); });
  expect_whole(of_an_int, SIGABRT);
  EXPECT_STREQ(of_an_int.facts().text, "int");
  const worker_with_record without(print_nothing, [] { std::terminate(); });
  expect_whole(without, SIGABRT);
  EXPECT_STREQ(without.facts().text, "no exception");
}

TEST_F(CrashRecord, KeepsTheBeginningOfALongText) {
  const worker_with_record worker(print_nothing, [] { throw_uncaught(std::runtime_error(std::string(10'000, 'x'))); });
  const std::string text = worker.facts().text;
  EXPECT_EQ(text.size(), crash_facts::longest_text - 1);
  EXPECT_TRUE(text.starts_with("std::runtime_error: xxx"));
}

struct throws_again : std::exception {
  const char* what() const noexcept override {
    throw_copy_of(1);
    return nullptr;
  }
};
struct crashes : std::exception {
  const char* what() const noexcept override {
    write_at(0);
    return "";
  }
};
struct has_no_text : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

TEST_F(CrashRecord, HoldsTheTypeOfAnExceptionWhoseTextCannotBeHad) {
  const worker_with_record again(print_nothing, [] { throw_uncaught(throws_again()); });
  expect_whole(again, SIGABRT);
  EXPECT_STREQ(again.facts().text, "(anonymous namespace)::throws_again");
  const worker_with_record crash(print_nothing, [] { throw_uncaught(crashes()); });
  expect_whole(crash, SIGSEGV);
  EXPECT_STREQ(crash.facts().text, "(anonymous namespace)::crashes");
  const worker_with_record none(print_nothing, [] { throw_uncaught(has_no_text()); });
  EXPECT_STREQ(none.facts().text, "(anonymous namespace)::has_no_text");
}

TEST_F(CrashRecord, LeavesTheTerminateHandlerThatThereWas) {
  const worker_with_record worker([] { std::set_terminate([] { ::_exit(9); }); }, [] { std::terminate(); });
  EXPECT_EQ(worker.exit_code(), 9);
  expect_no_record(worker);
}

TEST_F(CrashRecord, LeavesSignalsThatAreHandledOrIgnored) {
  const worker_with_record handled([] { ::signal(SIGSEGV, [](int) { ::_exit(7); }); }, [] { write_at(0); });
  EXPECT_EQ(handled.exit_code(), 7);
  expect_no_record(handled);
  const worker_with_record ignored([] { ::signal(SIGTRAP, SIG_IGN); }, [] { ::raise(SIGTRAP); });
  EXPECT_EQ(ignored.exit_code(), 0);
  expect_no_record(ignored);
}

TEST_F(CrashRecord, IsNotWrittenByAForkOfTheWorker) {
  const worker_with_record worker([] {
    const pid_t child = ::fork();
    if (child == 0) write_at(0);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV) ::_exit(1);
  });
  EXPECT_EQ(worker.exit_code(), 0);
  expect_no_record(worker);
}

TEST_F(CrashRecord, IsWrittenForOtherThreadsToo) {
  const worker_with_record worker([] { std::thread([] { write_at(0); }).join(); });
  EXPECT_EQ(worker.signal(), SIGSEGV);
  EXPECT_EQ(worker.state(), crash_state::whole);
  EXPECT_GT(worker.facts().thread, 0);
  EXPECT_NE(worker.facts().thread, worker.pid());
}

TEST_F(CrashRecord, IsOfOneOfTheThreadsThatCrashTogether) {
  for (int i = 0; i < 20; ++i) {
    const worker_with_record worker([] {
      std::barrier together(3);
      const auto crash = [&] {
        together.arrive_and_wait();
        write_at(0x10);
      };
      const std::jthread one(crash), two(crash), three(crash);
    });
    EXPECT_EQ(worker.signal(), SIGSEGV);
    EXPECT_EQ(worker.state(), crash_state::whole);
    EXPECT_EQ(worker.facts().address, 0x10U);
  }
}

TEST_F(CrashRecord, OfACallOfNoFunctionHasTheCaller) {
  const worker_with_record worker(call_no_function);
  expect_whole(worker, SIGSEGV);
  EXPECT_EQ(worker.facts().frames[0].module, crash_frame::no_module);
  EXPECT_EQ(worker.facts().frames[0].offset, 0U);
  EXPECT_NE(worker.facts().frames[1].module, crash_frame::no_module);
}

#if defined(__x86_64__)
FANOUT_UNCHECKED void lose_the_stack() { asm volatile("mov $16, %rsp; mov $16, %rbp; ud2"); }

void block_signals_but(int one) {
  sigset_t others;
  ::sigfillset(&others);
  ::sigdelset(&others, one);
  ::pthread_sigmask(SIG_SETMASK, &others, nullptr);
}

TEST_F(CrashRecord, SaysWhereAlsoIfTheStackCannotBeRead) {
  const auto check = [](const worker_with_record& worker) {
    EXPECT_EQ(worker.signal(), SIGILL) << "the signal of the crash, not that of its handler";
    EXPECT_EQ(worker.state(), crash_state::outlined);
    EXPECT_EQ(worker.facts().frame_count, 1U);
  };
  check(worker_with_record(lose_the_stack));
  check(worker_with_record([] { block_signals_but(SIGILL); }, lose_the_stack));
}
#endif

TEST_F(CrashRecord, StaysEmptyWithoutACrash) {
  const worker_with_record worker([] {});
  EXPECT_EQ(worker.exit_code(), 0);
  expect_no_record(worker);
  const worker_with_record killed([] { ::raise(SIGKILL); });
  EXPECT_EQ(killed.signal(), SIGKILL);
  expect_no_record(killed);
}

}  // namespace
