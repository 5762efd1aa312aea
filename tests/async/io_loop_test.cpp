// SPDX-License-Identifier: Apache-2.0
// The event loop with Asio's reactor: who gets his turn, when it sleeps, and who owns what at its end.
#include <gmock/gmock.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <fstream>
#include <functional>
#include <semaphore>

#include "io_fixture.hpp"
#include "support/sanitized.hpp"

namespace fanout_test {
namespace {

using testing::HasSubstr;

class IoLoop : public io_suite {
 protected:
  /// Yields for ever, while `main` does what it does.
  task<> beside_a_task_that_yields(task<> main) {
    auto yields = []() -> task<> {
      for (;;) co_await fanout::yield();
    };
    return beside(yields(), std::move(main));
  }

  task<> beside(task<> endless, task<> main) {
    auto for_ever = fanout::spawn(std::move(endless));
    co_await std::move(main);
    EXPECT_FALSE(for_ever.ready());
    for_ever.cancel();
    EXPECT_EQ(co_await end_of(result_of(std::move(for_ever))), "cancelled");
  }
};

// --- fairness

TEST_F(IoLoop, ATaskThatYieldsForEverStarvesNoTimer) {
  auto main = [this]() -> task<> {
    co_await fanout::sleep(1ms);
    asio::steady_timer timer(context(), 1ms);
    co_await timer.async_wait(use_task);
  };
  run(beside_a_task_that_yields(main()));
}

/// Needs the reactor many times.
task<> talk() {
  auto [client, server] = co_await connected();
  for (int round = 0; round < 20; ++round) {
    auto [got, nothing] = co_await fanout::gather(read_exactly(server, 4), write_all(client, "ping"));
    EXPECT_EQ(got, "ping");
  }
}

TEST_F(IoLoop, ATaskThatYieldsForEverStarvesNoSocket) { run(beside_a_task_that_yields(talk())); }

TEST_F(IoLoop, TimersThatAreAlwaysDueStarveNoSocket) {
  auto always_due = []() -> task<> {
    for (;;) co_await fanout::sleep_until(fanout::time_point());
  };
  run(beside(always_due(), talk()));
}

TEST_F(IoLoop, PostsThatNeverEndStarveNoSocket) {
  std::binary_semaphore runs(0), next_is_posted(0);
  std::atomic<bool> enough = false;
  fanout::event over;
  auto one = [&] {
    runs.release();
    next_is_posted.acquire();  // so there is a post whenever the loop has nothing else to do
  };
  std::jthread poster([&] {
    loop().post(one);
    for (;;) {
      runs.acquire();
      if (enough) break;
      loop().post(one);
      next_is_posted.release();
    }
    loop().post([&] { over.set(); });
    next_is_posted.release();
  });
  auto main = [&]() -> task<> {
    co_await talk();
    enough = true;
    co_await over.wait();
  };
  run(main());
}

TEST_F(IoLoop, ATaskThatYieldsForEverStarvesNoPostOfAnotherThread) {
  auto main = [this]() -> task<> {
    promise<void> posted, posted_to_the_context;
    std::jthread other([&] {
      loop().post([&] { posted.set({}); });
      asio::post(context(), [&] { posted_to_the_context.set({}); });
    });
    co_await posted.get_future();
    co_await posted_to_the_context.get_future();
  };
  run(beside_a_task_that_yields(main()));
}

TEST_F(IoLoop, AHandlerThatPostsItselfForEverStarvesNoTask) {
  std::function<void()> again = [&] { asio::post(context(), again); };
  asio::post(context(), again);
  auto main = []() -> task<> {
    for (int i = 0; i < 1000; ++i) co_await fanout::yield();
    co_await fanout::sleep(1ms);
    auto [client, server] = co_await connected();
    co_await write_all(client, "x");
    EXPECT_EQ(co_await read_exactly(server, 1), "x");
  };
  run(main());
  run(beside_a_task_that_yields(main()));
}

TEST_F(IoLoop, AnEchoThatNeverPausesStarvesNobody) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    auto for_ever = [](tcp::socket& socket) -> task<> {
      for (;;) co_await write_all(socket, co_await read_exactly(socket, 1));
    };
    auto one = fanout::spawn(end_of(for_ever(client)));
    auto two = fanout::spawn(end_of(for_ever(server)));
    co_await write_all(client, "x");
    for (int i = 0; i < 10; ++i) co_await fanout::sleep(100us);
    one.cancel();
    two.cancel();
    EXPECT_EQ(co_await std::move(one), "cancelled");
    EXPECT_EQ(co_await std::move(two), "cancelled");
  };
  run(main());
}

// --- its context

TEST_F(IoLoop, ItsContextIsOneAndTheSame) {
  auto* const before = &context();
  auto main = [&]() -> task<> {
    EXPECT_EQ(&co_await fanout::this_task::get_io_context(), before);
    co_return;
  };
  run(main());
  EXPECT_EQ(&context(), before);
}

TEST_F(IoLoop, ItsContextMayBeAskedForInTheMiddleOfARun) {
  auto main = [this]() -> task<> {
    // Both begin in the bare reactor, and end in the other.
    auto sleeps = [](fanout::duration time) -> task<> {
      const auto until = std::chrono::steady_clock::now() + time;
      co_await fanout::sleep(time);
      EXPECT_GE(std::chrono::steady_clock::now(), until);
    };
    auto ends = fanout::spawn(sleeps(20ms));
    auto lasts = fanout::spawn(end_of(sleeps(24h)));
    co_await fanout::sleep(1ms);
    asio::steady_timer timer(context(), 1ms);
    co_await timer.async_wait(use_task);
    co_await std::move(ends);
    EXPECT_FALSE(lasts.ready());
    lasts.cancel();
    EXPECT_EQ(co_await std::move(lasts), "cancelled");
  };
  run(main());
}

TEST_F(IoLoop, ItsContextMayBeAskedForByAnotherThreadWhileItSleeps) {
  for (int round = 0; round < 100; ++round) {
    fanout::event_loop fresh;
    promise<void> about_to_sleep, posted;
    std::jthread other([&, begin = about_to_sleep.get_future()]() mutable {
      begin.wait();
      asio::post(fresh.context(), [&] { posted.set({}); });
    });
    auto main = [&]() -> task<> {
      about_to_sleep.set({});
      co_await posted.get_future();
    };
    fresh.run(main());
  }
}

TEST_F(IoLoop, ItsContextMayBeAskedForByManyThreadsAtOnce) {
  std::atomic<int> ran = 0;
  auto main = [&]() -> task<> {
    promise<void> all;
    std::vector<std::jthread> others;
    for (int i = 0; i < 4; ++i) {
      others.emplace_back([&] {
        asio::post(context(), [&] {
          if (++ran == 4) all.set({});
        });
      });
    }
    co_await all.get_future();
  };
  run(main());
  EXPECT_EQ(ran, 4);
}

TEST_F(IoLoop, PostsOfOtherThreadsArriveWithAContextAndWithout) {
  for (const bool with_context : {false, true}) {
    if (with_context) context();
    constexpr int threads = 3, posts = 500;
    int ran = 0;
    auto main = [&]() -> task<> {
      promise<void> all;
      std::vector<std::jthread> others;
      for (int t = 0; t < threads; ++t) {
        others.emplace_back([&] {
          for (int i = 0; i < posts; ++i) {
            loop().post([&] {
              if (++ran == threads * posts) all.set({});
            });
          }
        });
      }
      co_await all.get_future();
    };
    run(main());
    EXPECT_EQ(ran, threads * posts);
  }
}

TEST_F(IoLoop, WhatIsPostedToTheContextRunsWhileTheLoopRuns) {
  bool ran = false;
  asio::post(context(), [&] { ran = is_here(); });
  EXPECT_FALSE(ran);
  auto main = []() -> task<> { co_await others_run(); };
  run(main());
  EXPECT_TRUE(ran);
}

TEST_F(IoLoop, HandlersMaySpawn) {
  promise<int> result;
  auto fulfils = [&]() -> task<> {
    co_await fanout::yield();
    result.set(5);
  };
  asio::post(context(), [&] { static_cast<void>(fanout::spawn(fulfils())); });
  EXPECT_EQ(run(result_of(result.get_future())), 5);
}

using IoLoopDeathTest = IoLoop;

TEST_F(IoLoopDeathTest, AnExceptionThatLeavesAHandlerEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  asio::post(context(), [] { throw std::runtime_error("on purpose"); });
  auto main = []() -> task<> { co_await others_run(); };
  EXPECT_DEATH(run(main()), "on purpose");
}

// --- its end

TEST_F(IoLoop, DestroyedItCancelsAndDrainsWhatWasSpawned) {
  std::vector<std::string> ends;
  auto notes = [&](task<> work) -> task<> { ends.push_back(co_await end_of(std::move(work))); };
  auto reads = []() -> task<> {
    auto [client, server] = co_await connected();
    co_await read_exactly(server, 1);
  };
  auto waits = []() -> task<> {
    asio::steady_timer timer(co_await fanout::this_task::get_io_context(), 24h);
    co_await timer.async_wait(use_task);
  };
  auto sleeps = []() -> task<> { co_await fanout::sleep(24h); };
  // Posted, not run: they begin as the loop is destroyed.
  loop().post([&] {
    static_cast<void>(fanout::spawn(notes(reads())));
    static_cast<void>(fanout::spawn(notes(waits())));
    static_cast<void>(fanout::spawn(notes(sleeps())));
  });
  destroy();
  EXPECT_EQ(ends, (std::vector<std::string>{"cancelled", "cancelled", "cancelled"}));
}

TEST_F(IoLoop, DestroyedItStopsATaskThatYieldsForEver) {
  std::string end;
  auto yields = []() -> task<> {
    for (;;) co_await fanout::yield();
  };
  auto notes = [&](task<> work) -> task<> { end = co_await end_of(std::move(work)); };
  loop().post([&] { static_cast<void>(fanout::spawn(notes(yields()))); });
  destroy();
  EXPECT_EQ(end, "cancelled");
}

TEST_F(IoLoop, DestroyedItDropsTheHandlersThatHaveNotRun) {
  const auto kept = std::make_shared<int>(1);
  asio::post(context(), [kept] {});
  asio::steady_timer timer(context(), 24h);
  timer.async_wait([kept](error_code) {});
  EXPECT_EQ(kept.use_count(), 3);
  auto nothing = []() -> task<> { co_return; };
  run(nothing());
}

TEST_F(IoLoop, TwoLoopsOfTwoThreadsTalk) {
  promise<tcp::endpoint> listens;
  auto serves = [&]() -> task<> {
    tcp::acceptor acceptor(co_await fanout::this_task::get_io_context(),
                           tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    listens.set(acceptor.local_endpoint());
    auto socket = co_await acceptor.async_accept(use_task);
    for (;;) {
      std::array<char, 64> bytes;
      const auto [error, count] = co_await socket.async_read_some(asio::buffer(bytes), asio::as_tuple(use_task));
      if (error) {
        EXPECT_EQ(error, asio::error::eof);
        break;
      }
      co_await asio::async_write(socket, asio::buffer(bytes, count), use_task);
    }
  };
  std::jthread there([&] { fanout::run(serves()); });
  auto main = [&]() -> task<> {
    tcp::socket socket(context());
    co_await socket.async_connect(co_await listens.get_future(), use_task);
    for (int i = 0; i < 300; ++i) {
      const std::string text = std::to_string(1000 + i);
      co_await write_all(socket, text);
      EXPECT_EQ(co_await read_exactly(socket, 4), text);
    }
  };
  run(main());
}

TEST_F(IoLoop, ALoopWithAContextRunsInsideOfAnother) {
  // As ever: another loop may, the same may not.
  auto inner = []() -> task<int> {
    asio::steady_timer timer(co_await fanout::this_task::get_io_context(), 1ms);
    co_await timer.async_wait(use_task);
    co_return 3;
  };
  auto main = [&]() -> task<> {
    context();
    EXPECT_THROW(run(inner()), fanout::error);
    EXPECT_EQ(fanout::run(inner()), 3);
    EXPECT_EQ(co_await inner(), 3);
  };
  run(main());
}

// --- system calls

/// From now on this thread may do nothing but exit_group: anything else ends the process by SIGSYS.
void forbid_system_calls() {
  std::array<sock_filter, 4> program{
      sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_exit_group},
      sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
      sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS},
  };
  const sock_fprog filter{program.size(), program.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    ::_exit(77);
  }
}

class IoLoopSystemCalls : public ::testing::Test {
 protected:
  void SetUp() override {
    if (fanout_test::sanitized) GTEST_SKIP() << "the sanitizer makes some of its own";
  }
};

/// The exit code of a child in which `turns` runs between that and the exit with 42; -SIGSYS if it made a system call.
template <class Prepare, class Turns>
int without_system_calls(Prepare prepare, Turns turns) {
  const pid_t child = ::fork();
  if (child == 0) {
    fanout::event_loop loop;
    auto main = [&]() -> task<> {
      [[maybe_unused]] const auto kept = prepare(loop);
      co_await turns(1000);  // what is to be allocated has been
      forbid_system_calls();
      co_await turns(100'000);
      ::syscall(SYS_exit_group, 42);
    };
    loop.run(main());
    ::_exit(1);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

task<> yields(int count) {
  while (count-- > 0) co_await fanout::yield();
}

TEST_F(IoLoopSystemCalls, AreNoneWhileItComputesAndNoIoIsOutstanding) {
  const int bare = without_system_calls([](fanout::event_loop&) { return 0; }, yields);
  if (bare == 77) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(bare, 42);
  EXPECT_EQ(without_system_calls([](fanout::event_loop& loop) { return &loop.context(); }, yields), 42);
}

TEST_F(IoLoopSystemCalls, AreNoneForASocketThatNobodyWaitsFor) {
  const auto prepare = [](fanout::event_loop& loop) {
    return std::make_unique<tcp::acceptor>(loop.context(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  };
  const int end = without_system_calls(prepare, yields);
  if (end == 77) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(end, 42);
}

TEST_F(IoLoopSystemCalls, AreNoneForASleepThatLasts) {
  const auto prepare = [](fanout::event_loop& loop) {
    auto sleeps = []() -> task<> { co_await fanout::sleep(24h); };
    loop.context();
    return fanout::spawn(sleeps());
  };
  const int end = without_system_calls(prepare, yields);
  if (end == 77) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(end, 42);
}

TEST_F(IoLoopSystemCalls, AreMadeIfIoIsOutstanding) {
  // The filter sees them: else the tests above would mean nothing.
  const auto prepare = [](fanout::event_loop& loop) {
    auto waits = [](asio::io_context& context) -> task<> {
      tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
      co_await acceptor.async_accept(use_task);
    };
    return fanout::spawn(waits(loop.context()));
  };
  const int end = without_system_calls(prepare, yields);
  if (end == 77) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(end, -SIGSYS);
}

/// What the kernel knows about a thread of this process.
class thread_watch {
 public:
  explicit thread_watch(pid_t id) : folder_("/proc/self/task/" + std::to_string(id) + "/") {}

  /// Does it sleep in this system call, all the time? Whoever stops the process for a moment (a debugger, a frozen
  /// container) wakes it, too: so it may be tried a few times.
  bool sleeps_through(long call, const std::function<void()>& what_happens) const {
    for (int attempt = 0; attempt < 3; ++attempt) {
      wait_until_it_is_in(call);
      const long before = sleeps();
      what_happens();
      if (sleeps() == before) return true;
    }
    return false;
  }

 private:
  void wait_until_it_is_in(long call) const {
    const std::string in_call = std::to_string(call) + " ";
    while (!text_of("syscall").starts_with(in_call)) std::this_thread::yield();
  }

  /// So often has it gone to sleep.
  long sleeps() const {
    const std::string status = text_of("status"), name = "\nvoluntary_ctxt_switches:";
    return std::stol(status.substr(status.find(name) + name.size()));
  }

  std::string text_of(const char* name) const {
    std::ifstream file(folder_ + name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  const std::string folder_;
};

TEST_F(IoLoop, IdleItSleepsAndIsNotWokenByWhatDoesNotConcernIt) {
  promise<pid_t> idle_thread;
  promise<void> may_end;
  auto idles = [&, end = may_end.get_future()]() mutable -> task<> {
    tcp::acceptor acceptor(co_await fanout::this_task::get_io_context(),
                           tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    auto accepts = fanout::spawn(end_of(acceptor.async_accept(use_task)));
    auto sleeps = fanout::spawn([]() -> task<> { co_await fanout::sleep(24h); }());
    co_await others_run();
    idle_thread.set(static_cast<pid_t>(::syscall(SYS_gettid)));
    co_await std::move(end);
  };
  std::jthread there([&] { fanout::run(idles()); });
  const thread_watch watch(idle_thread.get_future().get());
  // Much happens meanwhile, elsewhere.
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    for (int i = 0; i < 2000; ++i) {
      co_await write_all(client, "x");
      co_await read_exactly(server, 1);
      if (i % 20 == 0) co_await fanout::sleep(1ms);
    }
  };
  EXPECT_TRUE(watch.sleeps_through(SYS_epoll_wait, [&] { run(main()); }));
  may_end.set({});
}

TEST_F(IoLoop, IdleWithoutAContextItSleepsAndIsNotWokenByWhatDoesNotConcernIt) {
  promise<pid_t> idle_thread;
  promise<void> may_end;
  auto idles = [&, end = may_end.get_future()]() mutable -> task<> {
    auto sleeps = fanout::spawn([]() -> task<> { co_await fanout::sleep(24h); }());
    co_await fanout::yield();
    idle_thread.set(static_cast<pid_t>(::syscall(SYS_gettid)));
    co_await std::move(end);
  };
  std::jthread there([&] { fanout::run(idles()); });
  const thread_watch watch(idle_thread.get_future().get());
  auto main = [&]() -> task<> {
    fanout::thread_pool pool(1);
    for (int i = 0; i < 2000; ++i) {
      co_await pool.submit([] {});
      if (i % 20 == 0) co_await fanout::sleep(1ms);
    }
  };
  EXPECT_TRUE(watch.sleeps_through(SYS_futex, [&] { run(main()); }));
  may_end.set({});
}

}  // namespace
}  // namespace fanout_test
