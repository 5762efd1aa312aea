// SPDX-License-Identifier: Apache-2.0
// What the tests of I/O on event loops share.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <boost/asio.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "fanout/asio.hpp"
#include "fanout/detail/frame_pool.hpp"
#include "fanout/detail/this_thread.hpp"
#include "fanout/fanout.hpp"
#include "promise.hpp"

namespace fanout_test {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::ip::tcp;
using boost::system::error_code;
using boost::system::system_error;
using fanout::future;
using fanout::task;
using fanout::use_task;

/// Of this process.
int open_descriptors();

/// A new loop for every test, and a look at what stayed behind.
class io_suite : public ::testing::Test {
 protected:
  fanout::event_loop& loop() noexcept { return *loop_; }
  asio::io_context& context() { return loop_->context(); }
  template <class T>
  T run(task<T> main) {
    return loop_->run(std::move(main));
  }
  /// Does this thread run the loop?
  bool is_here() const noexcept { return fanout::detail::current_scheduler() == loop_.get(); }
  void destroy() noexcept { loop_.reset(); }

  void SetUp() override {
    descriptors_before_ = open_descriptors();
    frames_before_ = fanout::detail::live_frames();
    loop_ = std::make_unique<fanout::event_loop>();
  }
  void TearDown() override {
    destroy();
    EXPECT_EQ(fanout::detail::live_frames(), frames_before_) << "a coroutine or the block of a future stayed behind";
    EXPECT_EQ(open_descriptors(), descriptors_before_) << "a descriptor stayed open";
  }

 private:
  int descriptors_before_ = 0;
  std::int64_t frames_before_ = 0;
  std::unique_ptr<fanout::event_loop> loop_;
};

// --- operations of our own

/// What `begin(handler)` begins, and ends with a call of handler(Args…).
template <class Signature, class Token = fanout::use_task_t, class Begin>
auto operation(Begin begin, Token token = {}) {
  return asio::async_initiate<Token, Signature>(std::move(begin), token);
}

/// One that ends, in a handler of its executor's, with `results`.
template <class Signature, class Token, class... Results>
auto ends_with(Token token, Results... results) {
  return operation<Signature>(
      [... results = std::move(results)](auto handler) mutable {
        const auto executor = asio::get_associated_executor(handler);
        asio::post(executor, [handler = std::move(handler), ... results = std::move(results)]() mutable {
          std::move(handler)(std::move(results)...);
        });
      },
      token);
}

// --- how operations end

/// The error that `work` ends with: "nothing", "cancelled", the message of an error_code, or the text of its what().
template <class T>
task<std::string> end_of(task<T> work) {
  try {
    co_await std::move(work);
  } catch (const system_error& error) {
    co_return error.code().message();
  } catch (const std::exception& error) {
    co_return error.what();
  } catch (const fanout::cancelled& error) {
    co_return error.what();
  }
  co_return "nothing";
}

inline const std::string aborted = error_code(asio::error::operation_aborted).message();
inline const std::string end_of_file = error_code(asio::error::eof).message();

template <class T>
task<T> result_of(future<T> f) {
  co_return co_await std::move(f);
}

/// Lets everybody else who can go on do so: those whose turn it is, and those whose I/O is ready.
inline task<> others_run() {
  for (int turn = 0; turn < 3; ++turn) {
    co_await fanout::yield();
    co_await asio::post(co_await fanout::this_task::get_io_context(), use_task);
  }
}

// --- streams

/// A client and a server over loopback.
task<std::pair<tcp::socket, tcp::socket>> connected();

template <class Stream>
task<> write_all(Stream& stream, std::string_view text) {
  co_await asio::async_write(stream, asio::buffer(text), use_task);
}

/// So many bytes.
template <class Stream>
task<std::string> read_exactly(Stream& stream, std::size_t count) {
  std::string text(count, '\0');
  co_await asio::async_read(stream, asio::buffer(text), use_task);
  co_return text;
}

/// All there are before the end.
template <class Stream>
task<std::string> read_to_the_end(Stream& stream) {
  std::string text;
  const auto [error, count] = co_await asio::async_read(stream, asio::dynamic_buffer(text), asio::as_tuple(use_task));
  if (error != asio::error::eof) throw system_error(error);
  co_return text;
}

}  // namespace fanout_test
