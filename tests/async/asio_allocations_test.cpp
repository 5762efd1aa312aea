// SPDX-License-Identifier: Apache-2.0
// What an operation allocates once everything is warm: nothing. Every allocation of this program is counted.
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

#include "io_fixture.hpp"

namespace {

std::atomic<bool> counting = false;
std::atomic<int> allocations = 0;

void note() noexcept {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

// In place of glibc's: operator new calls malloc; Asio calls aligned_alloc.
#pragma GCC visibility push(default)  // the libraries are to call them too
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t size) {
  note();
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  note();
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  note();
  return __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  note();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  note();
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
}
#pragma GCC visibility pop

namespace fanout_test {
namespace {

class AsioAllocations : public io_suite {
 protected:
  static constexpr int rounds = 1000;

  /// Of `rounds` rounds, after as many that warm it up.
  template <class Round>
  static task<int> in_rounds(Round round) {
    for (int i = 0; i < rounds; ++i) co_await round();
    allocations = 0;
    counting = true;
    for (int i = 0; i < rounds; ++i) co_await round();
    counting = false;
    co_return allocations.load();
  }
  /// The same in a task that somebody may ask to stop.
  template <class Round>
  static task<int> in_stoppable_rounds(Round round) {
    auto counted = fanout::spawn(in_rounds(std::move(round)));
    co_return co_await std::move(counted);
  }

  // One coroutine for each operation: the compiler makes the frames of operations parts of the frame that awaits them,
  // and frames of more than a kilobyte come from operator new.

  [[gnu::noinline]] static task<> writes_some(tcp::socket& socket, asio::const_buffer bytes) {
    co_await socket.async_write_some(bytes, use_task);
  }
  [[gnu::noinline]] static task<> reads_some(tcp::socket& socket, asio::mutable_buffer bytes) {
    co_await socket.async_read_some(bytes, use_task);
  }
  [[gnu::noinline]] static task<> writes(tcp::socket& socket, asio::const_buffer bytes) {
    co_await asio::async_write(socket, bytes, use_task);
  }
  [[gnu::noinline]] static task<> reads(tcp::socket& socket, asio::mutable_buffer bytes) {
    co_await asio::async_read(socket, bytes, use_task);
  }
  template <class Sockets>
  static auto ping_pong(Sockets& sockets) {
    return [&]() -> task<> {
      std::array<char, 4> bytes{};
      auto& [client, server] = sockets;
      co_await writes_some(client, asio::buffer(bytes));
      co_await reads_some(server, asio::buffer(bytes));
      co_await writes_some(server, asio::buffer(bytes));
      co_await reads_some(client, asio::buffer(bytes));
    };
  }
  template <class Sockets>
  static auto composed_ping(Sockets& sockets) {
    return [&]() -> task<> {
      std::array<char, 4> bytes{};
      co_await writes(sockets.first, asio::buffer(bytes));
      co_await reads(sockets.second, asio::buffer(bytes));
    };
  }
};

TEST_F(AsioAllocations, AreCounted) {
  static void* volatile seen;  // or else the compiler leaves them out
  const auto allocates = []() -> task<> {
    seen = ::operator new(8);
    ::operator delete(seen);
    seen = std::aligned_alloc(32, 64);
    std::free(seen);
    co_return;
  };
  EXPECT_EQ(run(in_rounds(allocates)), 2 * rounds);
}

TEST_F(AsioAllocations, AreNoneForReadsAndWrites) {
  auto main = []() -> task<> {
    auto sockets = co_await connected();
    EXPECT_EQ(co_await in_rounds(ping_pong(sockets)), 0);
    EXPECT_EQ(co_await in_stoppable_rounds(ping_pong(sockets)), 0);
  };
  run(main());
}

TEST_F(AsioAllocations, AreNoneForReadsThatWait) {
  auto main = []() -> task<> {
    auto sockets = co_await connected();
    auto& [client, server] = sockets;
    // The other side echoes, in a task of its own: each read waits for the loop to sleep.
    auto echoes = [&]() -> task<> {
      std::array<char, 4> bytes;
      for (;;) {
        co_await reads_some(server, asio::buffer(bytes));
        co_await writes_some(server, asio::buffer(bytes));
      }
    };
    auto echo = fanout::spawn(end_of(echoes()));
    auto round = [&]() -> task<> {
      std::array<char, 4> bytes{};
      co_await writes_some(client, asio::buffer(bytes));
      co_await reads_some(client, asio::buffer(bytes));
    };
    EXPECT_EQ(co_await in_stoppable_rounds(round), 0);
    echo.cancel();
    co_await std::move(echo);
  };
  run(main());
}

TEST_F(AsioAllocations, AreNoneForComposedReadsAndWrites) {
  auto main = []() -> task<> {
    auto sockets = co_await connected();
    EXPECT_EQ(co_await in_rounds(composed_ping(sockets)), 0);
  };
  run(main());
}

TEST_F(AsioAllocations, AreOneForEachComposedOperationThatMayBeStopped) {
  // Asio's, for what cancels the operation that is under way.
  auto main = []() -> task<> {
    auto sockets = co_await connected();
    EXPECT_LE(co_await in_stoppable_rounds(composed_ping(sockets)), 2 * rounds);
  };
  run(main());
}

TEST_F(AsioAllocations, AreNoneForTimers) {
  auto main = [this]() -> task<> {
    asio::steady_timer timer(context());
    auto round = [&]() -> task<> {
      timer.expires_after(1us);
      co_await timer.async_wait(use_task);
    };
    EXPECT_EQ(co_await in_rounds(round), 0);
    EXPECT_EQ(co_await in_stoppable_rounds(round), 0);
  };
  run(main());
}

TEST_F(AsioAllocations, AreNoneForReadsThatTimeOut) {
  auto main = []() -> task<> {
    auto sockets = co_await connected();
    auto round = [&]() -> task<> {
      std::array<char, 4> bytes{};
      const auto outcomes =
          co_await fanout::gather(fanout::return_exceptions,
                                  fanout::timeout(24h, sockets.second.async_read_some(asio::buffer(bytes), use_task)),
                                  sockets.first.async_write_some(asio::buffer(bytes), use_task));
      EXPECT_TRUE(std::get<0>(outcomes).has_value());
    };
    EXPECT_EQ(co_await in_rounds(round), 0);
  };
  run(main());
}

TEST_F(AsioAllocations, AreNoneForPosts) {
  auto main = []() -> task<> {
    auto round = []() -> task<> { co_await asio::post(use_task); };
    EXPECT_EQ(co_await in_rounds(round), 0);
  };
  context();
  run(main());
}

TEST_F(AsioAllocations, AreNoneForSleepsOnALoopWithAContext) {
  auto main = []() -> task<> {
    auto round = []() -> task<> { co_await fanout::sleep(1us); };
    EXPECT_EQ(co_await in_rounds(round), 0);
  };
  context();
  run(main());
}

}  // namespace
}  // namespace fanout_test
