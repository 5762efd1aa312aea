// SPDX-License-Identifier: Apache-2.0
// Connections that come, talk and are cut off at any moment, in every way there is: FANOUT_CHURN of them (2,000 if it
// is not set), by the random numbers of FANOUT_CHURN_SEED. Each is accounted for, and nothing of them stays behind.
#include <sys/resource.h>

#include <cstdlib>
#include <map>
#include <random>

#include "io_fixture.hpp"

namespace fanout_test {
namespace {

unsigned long from_environment(const char* name, unsigned long otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoul(text);
}

class Churn : public io_suite {
 protected:
  using random_numbers = std::minstd_rand;

  /// Who ends a connection, and how.
  enum class cut { by_client, by_server, client_resets, server_resets, client_times_out, client_is_stopped, count };
  static constexpr std::array<const char*, 6> names{"client closes", "server closes",    "client resets",
                                                    "server resets", "client times out", "client is stopped"};

  static void reset(tcp::socket& socket) {
    socket.set_option(asio::socket_base::linger(true, 0));
    socket.close();
  }

  /// How many exchanges are made before the cut.
  static std::size_t exchanges(random_numbers& random) { return random() % 4; }
  /// The size of a message, most often small.
  static std::size_t size(random_numbers& random) { return random() % 16 == 0 ? random() % 100'000 : random() % 200; }

  /// Whether the error of a connection is such as this cut may cause.
  static bool expected(cut how, const error_code& error) {
    const bool over =
        error == asio::error::eof || error == asio::error::connection_reset || error == asio::error::broken_pipe;
    return over && how != cut::by_client;
  }

  // --- the server

  /// The first byte says what is to be done, the second how often before the cut: then lengths and messages.
  task<> serve(tcp::socket socket) {
    ++accepted_;
    try {
      const std::string order = co_await read_exactly(socket, 2);
      const auto how = static_cast<cut>(order[0]);
      for (int left = order[1];; --left) {
        if (left == 0 && how == cut::by_server) break;
        if (left == 0 && how == cut::server_resets) {
          reset(socket);
          break;
        }
        std::uint32_t length = 0;
        co_await asio::async_read(socket, asio::buffer(&length, sizeof length), use_task);
        co_await write_all(socket, co_await read_exactly(socket, length));
      }
      ++server_ends_["as ordered"];
    } catch (const system_error& error) {
      ++server_ends_[error.code().message()];
    }
    ++served_;
  }

  task<> accept_all(tcp::acceptor& acceptor) {
    co_await fanout::with_task_group([this, &acceptor](fanout::task_group& group) -> task<> {
      try {
        for (;;) group.spawn(serve(co_await acceptor.async_accept(use_task)));
      } catch (const fanout::cancelled&) {
        listens_no_more_ = true;
        throw;
      }
    });
  }

  // --- the clients

  task<> talk(tcp::socket& socket, cut how, random_numbers& random) {
    const std::size_t count = exchanges(random);
    const std::string order{static_cast<char>(how), static_cast<char>(count)};
    co_await write_all(socket, order);
    const bool for_ever = how == cut::client_times_out || how == cut::client_is_stopped;
    const bool cut_by_server = how == cut::by_server || how == cut::server_resets;
    for (std::size_t i = 0; for_ever || cut_by_server || i < count; ++i) {
      const std::string message(size(random), 'm');
      const auto length = static_cast<std::uint32_t>(message.size());
      co_await asio::async_write(socket, std::array{asio::buffer(&length, sizeof length), asio::buffer(message)},
                                 use_task);
      if ((co_await read_exactly(socket, message.size())) != message) ++spoiled_;
      ++exchanged_;
    }
    if (how == cut::client_resets) reset(socket);
  }

  /// Returns how it ended.
  task<std::string> connect_and_talk(tcp::endpoint to, cut how, random_numbers& random) {
    tcp::socket socket(context());
    try {
      co_await socket.async_connect(to, use_task);
      ++connected_;
      co_await talk(socket, how, random);
    } catch (const system_error& error) {
      if (!expected(how, error.code())) throw;
      co_return "cut off";
    }
    co_return "done";
  }

  task<> one_client(tcp::endpoint to, random_numbers& random) {
    const auto how = static_cast<cut>(random() % static_cast<unsigned>(cut::count));
    const auto time = std::chrono::microseconds(random() % 3000);
    auto work = connect_and_talk(to, how, random);
    std::string end;
    try {
      if (how == cut::client_times_out) {
        end = co_await fanout::timeout(time, std::move(work));
      } else if (how == cut::client_is_stopped) {
        auto running = fanout::spawn(std::move(work));
        for (auto turns = random() % 40; turns > 0; --turns) co_await fanout::yield();
        running.cancel();
        end = co_await std::move(running);
      } else {
        end = co_await std::move(work);
      }
    } catch (const fanout::timed_out&) {
      end = "timed out";
    } catch (const fanout::cancelled&) {
      end = "cancelled";
    } catch (const system_error& error) {
      end = error.what();
    }
    ++client_ends_[std::string(names[static_cast<std::size_t>(how)]) + ": " + end];
  }

  task<> clients(tcp::endpoint to, unsigned long count, unsigned long seed) {
    constexpr unsigned at_once = 100;
    unsigned long begun = 0;
    auto client = [&](unsigned which) -> task<> {
      random_numbers random(static_cast<unsigned>(seed) * 1000 + which + 1);
      while (begun < count) {
        // The addresses of loopback are many: their ports are not used up by connections that linger.
        to.address(asio::ip::make_address_v4(0x7f00'0001U + static_cast<unsigned>(begun++ % 200)));
        co_await one_client(to, random);
      }
    };
    std::vector<task<>> all;
    for (unsigned which = 0; which < at_once; ++which) all.push_back(client(which));
    co_await fanout::gather(std::move(all));
  }

  static std::string listed(const std::map<std::string, unsigned long>& counts) {
    std::string text;
    for (const auto& [what, count] : counts) text += "  " + what + ": " + std::to_string(count) + "\n";
    return text;
  }
  static unsigned long sum(const std::map<std::string, unsigned long>& counts) {
    unsigned long all = 0;
    for (const auto& [what, count] : counts) all += count;
    return all;
  }

  unsigned long connected_ = 0, accepted_ = 0, served_ = 0, exchanged_ = 0, spoiled_ = 0;
  bool listens_no_more_ = false;
  std::map<std::string, unsigned long> client_ends_, server_ends_;
};

TEST_F(Churn, EveryConnectionIsAccountedForAndNothingStaysBehind) {
  const unsigned long count = from_environment("FANOUT_CHURN", 2000);
  const unsigned long seed = from_environment("FANOUT_CHURN_SEED", std::random_device()() % 1'000'000);
  std::printf("FANOUT_CHURN=%lu FANOUT_CHURN_SEED=%lu\n", count, seed);
  unsigned long in_queue = 0;
  auto main = [&]() -> task<> {
    tcp::acceptor acceptor(context(), tcp::endpoint(asio::ip::address_v4::any(), 0));
    auto server = fanout::spawn(end_of(accept_all(acceptor)));
    co_await clients(acceptor.local_endpoint(), count, seed);
    while (served_ != accepted_) co_await fanout::sleep(1ms);  // of clients that are gone: each ends by itself
    server.cancel();
    EXPECT_EQ(co_await std::move(server), "cancelled");
    acceptor.non_blocking(true);
    for (error_code error; !error;) {
      tcp::socket late(context());
      acceptor.accept(late, error);
      if (!error) ++in_queue;
    }
  };
  run(main());
  EXPECT_TRUE(listens_no_more_);
  EXPECT_EQ(sum(client_ends_), count) << listed(client_ends_);
  EXPECT_EQ(sum(server_ends_), accepted_) << listed(server_ends_);
  EXPECT_EQ(served_, accepted_);
  EXPECT_LE(connected_, accepted_ + in_queue);
  EXPECT_LE(accepted_ + in_queue, count);
  EXPECT_GT(exchanged_, count / 4);
  EXPECT_EQ(spoiled_, 0U);
  // Each way of cutting ends as it should, and in no other way.
  std::map<std::string, unsigned long> unexpected = client_ends_;
  for (const char* end : {"client closes: done", "client resets: done", "server closes: cut off",
                          "server resets: cut off", "client times out: timed out", "client is stopped: cancelled"}) {
    EXPECT_GT(unexpected[end], 0U) << end << "\n" << listed(client_ends_);
    unexpected.erase(end);
  }
  EXPECT_EQ(listed(unexpected), "");
  for (const auto& [end, times] : server_ends_) {
    const bool is_usual = end == "as ordered" || end == end_of_file ||
                          end == error_code(asio::error::connection_reset).message() ||
                          end == error_code(asio::error::broken_pipe).message();
    EXPECT_TRUE(is_usual) << end << ": " << times;
  }
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  std::printf("connected %lu, accepted %lu, left in the queue %lu, messages %lu; at most %ld MB; at the server:\n%s",
              connected_, accepted_, in_queue, exchanged_, used.ru_maxrss / 1024, listed(server_ends_).c_str());
  std::printf("at the clients:\n%s", listed(client_ends_).c_str());
}

}  // namespace
}  // namespace fanout_test
