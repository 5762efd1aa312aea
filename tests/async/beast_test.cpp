// SPDX-License-Identifier: Apache-2.0
// HTTP and WebSocket over an event loop: Boost.Beast, client and server.
#include <boost/beast.hpp>

#include "io_fixture.hpp"

namespace fanout_test {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;

using request = http::request<http::string_body>;
using response = http::response<http::string_body>;

class Beast : public io_suite {
 protected:
  /// Both ends of a connection, as Beast wants them.
  static task<std::pair<beast::tcp_stream, beast::tcp_stream>> streams() {
    auto [client, server] = co_await connected();
    co_return std::pair(beast::tcp_stream(std::move(client)), beast::tcp_stream(std::move(server)));
  }

  /// Answers requests until one does not want the connection kept; returns how many.
  static task<int> serve(beast::tcp_stream& stream) {
    beast::flat_buffer buffer;
    for (int answered = 1;; ++answered) {
      request asked;
      co_await http::async_read(stream, buffer, asked, use_task);
      response answer(http::status::ok, asked.version());
      answer.set(http::field::content_type, "text/plain");
      answer.keep_alive(asked.keep_alive());
      answer.body() = std::string(asked.method_string()) + " " + std::string(asked.target()) + " " + asked.body();
      answer.prepare_payload();
      co_await http::async_write(stream, answer, use_task);
      if (!asked.keep_alive()) co_return answered;
    }
  }

  static task<response> get(beast::tcp_stream& stream, std::string target, bool keep_alive) {
    request asked(http::verb::get, target, 11);
    asked.set(http::field::host, "localhost");
    asked.keep_alive(keep_alive);
    co_await http::async_write(stream, asked, use_task);
    beast::flat_buffer buffer;
    response answer;
    co_await http::async_read(stream, buffer, answer, use_task);
    co_return answer;
  }
};

TEST_F(Beast, GetsAPage) {
  auto main = []() -> task<> {
    auto [client, server] = co_await streams();
    auto [answer, answered] = co_await fanout::gather(get(client, "/page", false), serve(server));
    EXPECT_EQ(answer.result(), http::status::ok);
    EXPECT_EQ(answer[http::field::content_type], "text/plain");
    EXPECT_EQ(answer.body(), "GET /page ");
    EXPECT_EQ(answered, 1);
  };
  run(main());
}

TEST_F(Beast, GetsManyPagesOverOneConnection) {
  constexpr int pages = 50;
  auto main = [&]() -> task<> {
    auto [client, server] = co_await streams();
    auto asks = [&]() -> task<> {
      for (int i = 1; i <= pages; ++i) {
        const auto answer = co_await get(client, "/" + std::to_string(i), i != pages);
        EXPECT_EQ(answer.body(), "GET /" + std::to_string(i) + " ");
        EXPECT_EQ(answer.keep_alive(), i != pages);
      }
    };
    auto [nothing, answered] = co_await fanout::gather(asks(), serve(server));
    EXPECT_EQ(answered, pages);
  };
  run(main());
}

TEST_F(Beast, SendsABodyInChunks) {
  auto main = []() -> task<> {
    auto [client, server] = co_await streams();
    auto sends = [&]() -> task<> {
      http::response<http::empty_body> head(http::status::ok, 11);
      head.chunked(true);
      http::response_serializer<http::empty_body> serializer(head);
      co_await http::async_write_header(server, serializer, use_task);
      for (const std::string_view part : {"first ", "second ", "third"}) {
        co_await asio::async_write(server, http::make_chunk(asio::buffer(part)), use_task);
        co_await fanout::yield();
      }
      co_await asio::async_write(server, http::make_chunk_last(), use_task);
    };
    auto receives = [&]() -> task<response> {
      beast::flat_buffer buffer;
      response answer;
      co_await http::async_read(client, buffer, answer, use_task);
      co_return answer;
    };
    auto [nothing, answer] = co_await fanout::gather(sends(), receives());
    EXPECT_TRUE(answer.chunked());
    EXPECT_EQ(answer.body(), "first second third");
  };
  run(main());
}

TEST_F(Beast, TheEndOfTheConnectionIsAnError) {
  auto main = []() -> task<> {
    auto [client, server] = co_await streams();
    client.socket().shutdown(tcp::socket::shutdown_send);
    EXPECT_EQ(co_await end_of(serve(server)), error_code(http::error::end_of_stream).message());
  };
  run(main());
}

TEST_F(Beast, APeerThatNeverAnswersTimesOut) {
  auto main = []() -> task<> {
    auto [client, server] = co_await streams();
    try {
      co_await fanout::timeout(5ms, get(client, "/", false));
      ADD_FAILURE() << "who has answered?";
    } catch (const fanout::timed_out&) {
    }
    EXPECT_EQ(co_await read_exactly(server, 3), "GET") << "it was asked";
  };
  run(main());
}

TEST_F(Beast, TheTimeoutOfAStreamIsAnErrorOfIts) {
  auto main = []() -> task<> {
    auto [client, server] = co_await streams();
    client.expires_after(5ms);
    EXPECT_EQ(co_await end_of(get(client, "/", false)), error_code(beast::error::timeout).message());
  };
  run(main());
}

TEST_F(Beast, ManyClientsAtTheSameTime) {
  constexpr int clients = 30;
  auto main = [this]() -> task<> {
    tcp::acceptor acceptor(context(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    auto session = [](tcp::socket socket) -> task<> {
      beast::tcp_stream stream(std::move(socket));
      EXPECT_EQ(co_await serve(stream), 3);
    };
    auto accepts = [&]() -> task<> {
      co_await fanout::with_task_group([&](fanout::task_group& group) -> task<> {
        for (int i = 0; i < clients; ++i) group.spawn(session(co_await acceptor.async_accept(use_task)));
      });
    };
    auto asks = [&](int i) -> task<> {
      beast::tcp_stream stream(context());
      co_await stream.async_connect(acceptor.local_endpoint(), use_task);
      for (int n = 0; n < 3; ++n) {
        const std::string target = "/" + std::to_string(i) + "/" + std::to_string(n);
        EXPECT_EQ((co_await get(stream, target, n < 2)).body(), "GET " + target + " ");
      }
    };
    std::vector<task<>> all;
    all.push_back(accepts());
    for (int i = 0; i < clients; ++i) all.push_back(asks(i));
    co_await fanout::gather(std::move(all));
  };
  run(main());
}

// --- WebSocket

class BeastWebSocket : public Beast {
 protected:
  using socket_type = websocket::stream<beast::tcp_stream>;

  static task<std::pair<std::unique_ptr<socket_type>, std::unique_ptr<socket_type>>> web_sockets() {
    auto [client, server] = co_await streams();
    auto ours = std::make_unique<socket_type>(std::move(client));
    auto theirs = std::make_unique<socket_type>(std::move(server));
    co_await fanout::gather(ours->async_handshake("localhost", "/", use_task), theirs->async_accept(use_task));
    co_return std::pair(std::move(ours), std::move(theirs));
  }

  /// Echoes messages until the other side closes.
  static task<int> echo(socket_type& socket) {
    for (int echoed = 0;; ++echoed) {
      beast::flat_buffer buffer;
      const auto [error, count] = co_await socket.async_read(buffer, asio::as_tuple(use_task));
      if (error == websocket::error::closed) co_return echoed;
      if (error) throw system_error(error);
      socket.text(socket.got_text());
      co_await socket.async_write(buffer.data(), use_task);
    }
  }
};

TEST_F(BeastWebSocket, MessagesAreEchoedUntilItIsClosed) {
  auto main = []() -> task<> {
    auto [client, server] = co_await web_sockets();
    auto asks = [&]() -> task<> {
      for (const std::size_t size : {1UZ, 100UZ, 100'000UZ}) {
        const std::string message(size, 'm');
        co_await client->async_write(asio::buffer(message), use_task);
        beast::flat_buffer buffer;
        co_await client->async_read(buffer, use_task);
        EXPECT_TRUE(beast::buffers_to_string(buffer.data()) == message);
      }
      co_await client->async_close(websocket::close_code::normal, use_task);
    };
    auto [nothing, echoed] = co_await fanout::gather(asks(), echo(*server));
    EXPECT_EQ(echoed, 3);
  };
  run(main());
}

TEST_F(BeastWebSocket, AReadFromASilentPeerTimesOut) {
  auto main = []() -> task<> {
    auto [client, server] = co_await web_sockets();
    beast::flat_buffer buffer;
    try {
      co_await fanout::timeout(5ms, client->async_read(buffer, use_task));
      ADD_FAILURE() << "who has written?";
    } catch (const fanout::timed_out&) {
    }
  };
  run(main());
}

}  // namespace
}  // namespace fanout_test
