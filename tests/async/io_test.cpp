// SPDX-License-Identifier: Apache-2.0
// use_task with the objects of Asio: sockets, timers, pipes, names, and the processes at the other end of a pipe.
#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <set>

#include "io_fixture.hpp"

namespace fanout_test {
namespace {

class Io : public io_suite {};

// --- timers

TEST_F(Io, TimersGoOffInTheOrderOfTheirTimes) {
  std::vector<int> order;
  const auto begin = std::chrono::steady_clock::now();
  auto waits = [&](int which, fanout::duration time) -> task<> {
    asio::steady_timer timer(context(), begin + time);
    co_await timer.async_wait(use_task);
    EXPECT_GE(std::chrono::steady_clock::now(), timer.expiry());
    order.push_back(which);
  };
  // All are set before the loop looks for the first, so if it comes late their order is still that of their times.
  run(fanout::gather(waits(3, 30ms), waits(1, 10ms), waits(0, 0s), waits(2, 20ms)));
  EXPECT_EQ(order, (std::vector{0, 1, 2, 3}));
}

TEST_F(Io, TimersOfAsioAndSleepsGoOffInTheOrderOfTheirTimes) {
  // If the loop comes late two may be due at once, the one in its heap, the other in Asio's: then both go off in the
  // same turn, in either order.
  std::set<int> gone_off;
  const auto begin = std::chrono::steady_clock::now();
  auto goes_off = [&](int which) -> task<> {
    EXPECT_GE(std::chrono::steady_clock::now(), begin + which * 10ms);
    gone_off.insert(which);
    co_await others_run();
    for (int earlier = 0; earlier < which; ++earlier) EXPECT_TRUE(gone_off.contains(earlier)) << "after " << which;
  };
  auto waits = [&](int which) -> task<> {
    asio::steady_timer timer(context(), begin + which * 10ms);
    co_await timer.async_wait(use_task);
    co_await goes_off(which);
  };
  auto sleeps = [&](int which) -> task<> {
    co_await fanout::sleep_until(begin + which * 10ms);
    co_await goes_off(which);
  };
  run(fanout::gather(sleeps(3), waits(0), sleeps(1), waits(2), sleeps(5), waits(4)));
  EXPECT_EQ(gone_off.size(), 6U);
}

TEST_F(Io, AnEarlierSleepThatComesLaterIsNotSleptOver) {
  // The alarm of the reactor is set for the later one, and must be set anew.
  auto late = []() -> task<> { co_await fanout::sleep(24h); };
  auto early = []() -> task<> {
    co_await fanout::sleep(1ms);
    co_await fanout::sleep(1ms);
  };
  context();
  auto main = [&]() -> task<> {
    auto never = fanout::spawn(late());
    co_await others_run();
    co_await early();
    EXPECT_FALSE(never.ready());
  };
  run(main());
}

// --- sockets

TEST_F(Io, TcpConnectsAcceptsAndTalks) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    co_await write_all(client, "question");
    EXPECT_EQ(co_await read_exactly(server, 8), "question");
    co_await write_all(server, "answer");
    server.close();
    EXPECT_EQ(co_await read_to_the_end(client), "answer");
  };
  run(main());
}

TEST_F(Io, AConnectionThatIsRefusedIsAnError) {
  auto main = [this]() -> task<> {
    tcp::socket nobody_listens(context(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    tcp::socket client(context());
    EXPECT_EQ(co_await end_of(client.async_connect(nobody_listens.local_endpoint(), use_task)),
              error_code(asio::error::connection_refused).message());
  };
  run(main());
}

TEST_F(Io, AConnectionThatIsResetIsAnError) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    auto read = fanout::spawn(end_of(read_exactly(client, 1)));
    co_await others_run();
    server.set_option(asio::socket_base::linger(true, 0));
    server.close();
    EXPECT_EQ(co_await std::move(read), error_code(asio::error::connection_reset).message());
  };
  run(main());
}

TEST_F(Io, SixteenMegabytesGoThroughASocketThatHoldsLess) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    const std::string much(16 << 20, 'm');
    auto sends = [&]() -> task<> {
      co_await write_all(client, much);
      client.shutdown(tcp::socket::shutdown_send);
    };
    auto [sent, received] = co_await fanout::gather(sends(), read_to_the_end(server));
    EXPECT_TRUE(received == much);
  };
  run(main());
}

TEST_F(Io, ManyConnectionsAtTheSameTime) {
  constexpr int connections = 100;
  auto main = [this]() -> task<> {
    tcp::acceptor acceptor(context(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const auto to = acceptor.local_endpoint();
    auto echoes = [](tcp::socket socket) -> task<> { co_await write_all(socket, co_await read_exactly(socket, 4)); };
    auto serves = [&]() -> task<> {
      co_await fanout::with_task_group([&](fanout::task_group& group) -> task<> {
        for (int i = 0; i < connections; ++i) group.spawn(echoes(co_await acceptor.async_accept(use_task)));
      });
    };
    auto asks = [&](int i) -> task<> {
      tcp::socket socket(context());
      co_await socket.async_connect(to, use_task);
      const std::string text = std::to_string(1000 + i);
      co_await write_all(socket, text);
      EXPECT_EQ(co_await read_exactly(socket, 4), text);
    };
    std::vector<task<>> all;
    all.push_back(serves());
    for (int i = 0; i < connections; ++i) all.push_back(asks(i));
    co_await fanout::gather(std::move(all));
  };
  run(main());
}

TEST_F(Io, UdpSendsAndReceives) {
  using asio::ip::udp;
  auto main = [this]() -> task<> {
    const udp::endpoint any(asio::ip::address_v4::loopback(), 0);
    udp::socket one(context(), any), two(context(), any);
    std::array<char, 16> bytes;
    udp::endpoint from;
    auto receives = two.async_receive_from(asio::buffer(bytes), from, use_task);
    auto [sent, received] = co_await fanout::gather(
        one.async_send_to(asio::buffer("datagram", 8), two.local_endpoint(), use_task), std::move(receives));
    EXPECT_EQ(sent, 8U);
    EXPECT_EQ(std::string_view(bytes.data(), received), "datagram");
    EXPECT_EQ(from, one.local_endpoint());
  };
  run(main());
}

TEST_F(Io, LocalSocketsTalk) {
  auto main = [this]() -> task<> {
    asio::local::stream_protocol::socket one(context()), two(context());
    asio::local::connect_pair(one, two);
    co_await write_all(one, "local");
    EXPECT_EQ(co_await read_exactly(two, 5), "local");
    asio::local::datagram_protocol::socket first(context()), second(context());
    asio::local::connect_pair(first, second);
    std::array<char, 8> bytes;
    EXPECT_EQ(co_await first.async_send(asio::buffer("packet", 6), use_task), 6U);
    EXPECT_EQ(co_await second.async_receive(asio::buffer(bytes), use_task), 6U);
  };
  run(main());
}

TEST_F(Io, WaitingForReadinessReadsNothing) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    co_await client.async_wait(tcp::socket::wait_write, use_task);
    auto readable = fanout::spawn(end_of(server.async_wait(tcp::socket::wait_read, use_task)));
    co_await others_run();
    EXPECT_FALSE(readable.ready());
    co_await write_all(client, "x");
    EXPECT_EQ(co_await std::move(readable), "nothing");
    EXPECT_EQ(server.available(), 1U);
  };
  run(main());
}

TEST_F(Io, ReadingAndWritingOneSocketAtTheSameTime) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    auto read = fanout::spawn(read_exactly(client, 4));
    co_await others_run();
    co_await write_all(client, "ping");
    EXPECT_EQ(co_await read_exactly(server, 4), "ping");
    co_await write_all(server, "pong");
    EXPECT_EQ(co_await std::move(read), "pong");
  };
  run(main());
}

// --- composed operations

TEST_F(Io, ReadsUntilALineEnds) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    co_await write_all(client, "one\ntwo\nrest");
    client.close();
    std::string text;
    std::vector<std::string> lines;
    for (;;) {
      const auto [error, count] =
          co_await asio::async_read_until(server, asio::dynamic_buffer(text), '\n', asio::as_tuple(use_task));
      if (error) {
        EXPECT_EQ(error, asio::error::eof);
        break;
      }
      lines.push_back(text.substr(0, count - 1));
      text.erase(0, count);
    }
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(text, "rest");
  };
  run(main());
}

TEST_F(Io, AsyncReadGoesOnUntilAllIsThere) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    auto read = fanout::spawn(read_exactly(server, 6));
    for (const char* part : {"ab", "cd"}) {
      co_await write_all(client, part);
      co_await others_run();
      EXPECT_FALSE(read.ready());
    }
    co_await write_all(client, "ef");
    EXPECT_EQ(co_await std::move(read), "abcdef");
  };
  run(main());
}

TEST_F(Io, AnOperationComposedByAsioComposeIsATask) {
  // Reads a byte and writes it back, twice.
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    std::array<char, 1> byte;
    auto echoes_twice = [&, left = 4](auto& self, error_code error = {}, std::size_t = 0) mutable {
      if (error || left == 0) return self.complete(error, 2);
      --left;
      if (left % 2 == 1) {
        server.async_read_some(asio::buffer(byte), std::move(self));
      } else {
        server.async_write_some(asio::buffer(byte), std::move(self));
      }
    };
    auto twice = asio::async_compose<const fanout::use_task_t, void(error_code, int)>(echoes_twice, use_task, server);
    static_assert(std::same_as<decltype(twice), task<int>>);
    auto [count, nothing] = co_await fanout::gather(std::move(twice), write_all(client, "ab"));
    EXPECT_EQ(count, 2);
    EXPECT_EQ(co_await read_exactly(client, 2), "ab");
  };
  run(main());
}

// --- names

TEST_F(Io, ResolvesAName) {
  auto main = [this]() -> task<> {
    tcp::resolver resolver(context());
    const auto found = co_await resolver.async_resolve("localhost", "80", use_task);
    EXPECT_FALSE(found.empty());
    for (const auto& entry : found) {
      EXPECT_TRUE(entry.endpoint().address().is_loopback());
      EXPECT_EQ(entry.endpoint().port(), 80);
    }
  };
  run(main());
}

TEST_F(Io, ResolvesAndConnectsToOneOfTheAddresses) {
  auto main = [this]() -> task<> {
    tcp::acceptor acceptor(context(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    tcp::resolver resolver(context());
    tcp::socket client(context());
    const auto found =
        co_await resolver.async_resolve("127.0.0.1", std::to_string(acceptor.local_endpoint().port()), use_task);
    auto [server, to] =
        co_await fanout::gather(acceptor.async_accept(use_task), asio::async_connect(client, found, use_task));
    EXPECT_EQ(to, acceptor.local_endpoint());
    EXPECT_EQ(server.remote_endpoint(), client.local_endpoint());
  };
  run(main());
}

// --- pipes

TEST_F(Io, PipesOfAsioTalk) {
  auto main = [this]() -> task<> {
    asio::readable_pipe reads(context());
    asio::writable_pipe writes(context());
    asio::connect_pipe(reads, writes);
    auto read = fanout::spawn(read_to_the_end(reads));
    co_await write_all(writes, "through a pipe");
    writes.close();
    EXPECT_EQ(co_await std::move(read), "through a pipe");
  };
  run(main());
}

TEST_F(Io, ReadsADescriptorAgainAndAgain) {
  auto main = [this]() -> task<> {
    std::array<int, 2> ends;
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    asio::posix::stream_descriptor reads(context(), ends[0]), writes(context(), ends[1]);
    std::array<char, 8> bytes;
    for (int i = 0; i < 500; ++i) {
      auto read = fanout::spawn(reads.async_read_some(asio::buffer(bytes), use_task));
      if (i % 2 == 0) co_await fanout::yield();  // it waits, or there is something already
      const std::string text = std::to_string(i);
      co_await write_all(writes, text);
      const std::size_t count = co_await std::move(read);
      EXPECT_EQ(std::string_view(bytes.data(), count), text);
    }
  };
  run(main());
}

// --- processes

/// A child, its standard output, and a descriptor that becomes readable when it ends.
class child_process {
 public:
  child_process(asio::io_context& context, std::vector<std::string> words) : output(context), end_(context) {
    std::array<int, 2> ends;
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    output.assign(ends[0]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const int failure = ::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (failure != 0) throw std::runtime_error("posix_spawnp");
    end_.assign(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  }

  pid_t pid() const noexcept { return pid_; }

  /// What waitid tells.
  task<siginfo_t> ended() {
    co_await end_.async_wait(asio::posix::descriptor_base::wait_read, use_task);
    siginfo_t told{};
    while (::waitid(P_PID, static_cast<id_t>(pid_), &told, WEXITED) != 0 && errno == EINTR) {
    }
    co_return told;
  }

  asio::readable_pipe output;

 private:
  asio::posix::stream_descriptor end_;
  pid_t pid_ = 0;
};

TEST_F(Io, ReadsAChildToTheEndAndAwaitsItsExit) {
  auto main = [this]() -> task<> {
    child_process child(context(), {"sh", "-c", "for i in 1 2 3; do echo line $i; done; exit 7"});
    EXPECT_EQ(co_await read_to_the_end(child.output), "line 1\nline 2\nline 3\n");
    const siginfo_t end = co_await child.ended();
    EXPECT_EQ(end.si_code, CLD_EXITED);
    EXPECT_EQ(end.si_status, 7);
  };
  run(main());
}

TEST_F(Io, ManyChildrenAtTheSameTime) {
  auto main = [this]() -> task<> {
    auto asks = [this](int i) -> task<std::string> {
      child_process child(context(), {"sh", "-c", "echo " + std::to_string(i) + "; exit " + std::to_string(i)});
      auto [text, end] = co_await fanout::gather(read_to_the_end(child.output), child.ended());
      EXPECT_EQ(end.si_status, i);
      co_return text;
    };
    std::vector<task<std::string>> all;
    for (int i = 0; i < 8; ++i) all.push_back(asks(i));
    const auto texts = co_await fanout::gather(std::move(all));
    for (int i = 0; i < 8; ++i) EXPECT_EQ(texts[static_cast<std::size_t>(i)], std::to_string(i) + "\n");
  };
  run(main());
}

TEST_F(Io, AChildThatTakesTooLongIsKilledAndAwaited) {
  auto main = [this]() -> task<> {
    child_process child(context(), {"sleep", "1000"});
    try {
      co_await fanout::timeout(1ms, read_to_the_end(child.output));
      ADD_FAILURE() << "a child that sleeps has ended";
    } catch (const fanout::timed_out&) {
    }
    ::kill(child.pid(), SIGKILL);
    const siginfo_t end = co_await child.ended();
    EXPECT_EQ(end.si_code, CLD_KILLED);
    EXPECT_EQ(end.si_status, SIGKILL);
  };
  run(main());
}

}  // namespace
}  // namespace fanout_test
