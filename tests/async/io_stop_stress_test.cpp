// SPDX-License-Identifier: Apache-2.0
// Stop requests of other threads, at the same moment as data, timers and closed sockets. Nothing is lost, nothing comes
// twice, nobody waits for ever; the sanitizers watch what is touched meanwhile.
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <random>

#include "io_fixture.hpp"

namespace fanout_test {
namespace {

/// Another thread, which does what it is given, one after another.
class helper {
 public:
  helper() : thread_([this] { serve(); }) {}
  ~helper() { give(nullptr); }

  void give(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
    given_.notify_one();
  }

 private:
  void serve() {
    for (;;) {
      std::function<void()> work;
      {
        std::unique_lock lock(mutex_);
        given_.wait(lock, [this] { return !work_.empty(); });
        work = std::move(work_.front());
        work_.erase(work_.begin());
      }
      if (!work) return;
      work();
    }
  }

  std::mutex mutex_;
  std::condition_variable given_;
  std::vector<std::function<void()>> work_;
  std::jthread thread_;
};

class IoStopStress : public io_suite {
 protected:
  static constexpr int rounds = 1500;

  /// In every round another thread asks what `begin` began to stop, while `meanwhile` is done here.
  template <class Begin, class Meanwhile, class Check>
  task<> race(Begin begin, Meanwhile meanwhile, Check check) {
    helper other;
    std::minstd_rand random(1);
    for (int round = 0; round < rounds; ++round) {
      auto waits = fanout::spawn(end_of(begin()));
      if (random() % 4 != 0) co_await fanout::yield();
      promise<void> asked;
      auto has_asked = asked.get_future();
      other.give([&] {
        waits.cancel();
        asked.set({});
      });
      for (auto left = random() % 4; left > 0; --left) co_await fanout::yield();
      co_await meanwhile();
      co_await std::move(has_asked);  // a future is for one thread at a time
      const std::string end = co_await std::move(waits);
      check(end);
      ++ends_[end];
    }
  }

  std::map<std::string, int> ends_;
};

TEST_F(IoStopStress, DataComesOnceOrStaysThere) {
  auto main = [this]() -> task<> {
    auto [client, server] = co_await connected();
    std::array<char, 16> bytes;
    int sent = 0, received = 0;
    co_await race(
        [&]() -> task<> {
          received += static_cast<int>(co_await server.async_read_some(asio::buffer(bytes), use_task));
        },
        [&]() -> task<> {
          co_await write_all(client, "x");
          ++sent;
        },
        [&](const std::string& end) { EXPECT_TRUE(end == "nothing" || end == "cancelled") << end; });
    EXPECT_EQ(sent, rounds);
    client.close();
    EXPECT_EQ(received + static_cast<int>((co_await read_to_the_end(server)).size()), sent);
  };
  run(main());
}

TEST_F(IoStopStress, AComposedReadIsStoppedAtAnyPoint) {
  auto main = [this]() -> task<> {
    std::optional<std::pair<tcp::socket, tcp::socket>> pair;
    int round = 0;
    pair.emplace(co_await connected());
    co_await race([&]() -> task<> { co_await read_exactly(pair->second, 4); },
                  [&]() -> task<> {
                    co_await write_all(pair->first, "ab");
                    if (++round % 2 == 0) co_await fanout::yield();
                    co_await write_all(pair->first, "cd");
                  },
                  [&](const std::string& end) { EXPECT_TRUE(end == "nothing" || end == "cancelled") << end; });
  };
  run(main());
}

TEST_F(IoStopStress, TimersGoOffOrAreStopped) {
  auto main = [this]() -> task<> {
    asio::steady_timer timer(context());
    std::minstd_rand random(2);
    co_await race(
        [&]() -> task<> {
          timer.expires_after(std::chrono::microseconds(random() % 60));
          co_await timer.async_wait(use_task);
        },
        []() -> task<> { co_await fanout::yield(); },
        [&](const std::string& end) { EXPECT_TRUE(end == "nothing" || end == "cancelled") << end; });
  };
  run(main());
}

TEST_F(IoStopStress, SocketsAreClosedMeanwhile) {
  auto main = [this]() -> task<> {
    std::array<char, 1> byte;
    // An object lives until its operations have ended: the closed ones are kept.
    std::vector<std::unique_ptr<std::pair<tcp::socket, tcp::socket>>> pairs;
    pairs.push_back(std::make_unique<std::pair<tcp::socket, tcp::socket>>(co_await connected()));
    co_await race([&]() -> task<> { co_await pairs.back()->second.async_read_some(asio::buffer(byte), use_task); },
                  [&]() -> task<> {
                    auto& [client, server] = *pairs.back();
                    server.close();
                    client.set_option(asio::socket_base::linger(true, 0));
                    client.close();
                    co_await fanout::yield();
                    co_await fanout::yield();
                    pairs.push_back(std::make_unique<std::pair<tcp::socket, tcp::socket>>(co_await connected()));
                  },
                  [&](const std::string& end) {
                    const auto closed = error_code(asio::error::bad_descriptor).message();
                    EXPECT_TRUE(end == "cancelled" || end == aborted || end == closed) << end;
                  });
  };
  run(main());
}

TEST_F(IoStopStress, OperationsOfOtherThreadsEndMeanwhile) {
  asio::thread_pool pool(1);
  auto main = [&]() -> task<> {
    co_await race([&]() -> task<> { co_await asio::post(pool, use_task); },
                  []() -> task<> { co_await fanout::yield(); },
                  [&](const std::string& end) { EXPECT_TRUE(end == "nothing" || end == "cancelled") << end; });
  };
  run(main());
  pool.join();
}

TEST_F(IoStopStress, TimersOfAThreadPoolOfAsiosAreStoppedMeanwhile) {
  asio::thread_pool pool(1);
  auto main = [&]() -> task<> {
    std::minstd_rand random(3);
    co_await race(
        [&]() -> task<> {
          asio::steady_timer timer(pool, std::chrono::microseconds(random() % 100));
          co_await timer.async_wait(use_task);
        },
        []() -> task<> { co_await fanout::yield(); },
        [&](const std::string& end) { EXPECT_TRUE(end == "nothing" || end == "cancelled") << end; });
  };
  run(main());
  pool.join();
}

TEST_F(IoStopStress, TimeoutsOfAllLengthsAroundReads) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    std::minstd_rand random(4);
    int sent = 0, received = 0;
    std::array<char, 16> bytes;
    for (int round = 0; round < rounds; ++round) {
      auto sends = [&]() -> task<> {
        for (auto left = random() % 8; left > 0; --left) co_await fanout::yield();
        co_await write_all(client, "x");
        ++sent;
      };
      auto receives = [&]() -> task<> {
        try {
          received += static_cast<int>(co_await fanout::timeout(std::chrono::microseconds(random() % 100),
                                                                server.async_read_some(asio::buffer(bytes), use_task)));
        } catch (const fanout::timed_out&) {
        }
      };
      co_await fanout::gather(receives(), sends());
    }
    client.close();
    EXPECT_EQ(received + static_cast<int>((co_await read_to_the_end(server)).size()), sent);
  };
  run(main());
}

}  // namespace
}  // namespace fanout_test
