// SPDX-License-Identifier: Apache-2.0
// The program's side of one worker.
#include "worker_link.hpp"

#include <sys/epoll.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <utility>

#include "exception_codec.hpp"
#include "fanout/detail/archive.hpp"
#include "fanout/errors.hpp"
#include "module_table.hpp"
#include "nanny_link.hpp"
#include "supervisor.hpp"

namespace fanout::detail {

std::string describe_end(int status) {
  if (WIFEXITED(status)) return "exited with code " + std::to_string(WEXITSTATUS(status));
  const char* const name = ::sigabbrev_np(WTERMSIG(status));
  return "died: " + (name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(WTERMSIG(status)));
}

worker_link::worker_link(std::uint64_t number, supervisor& boss, worker_owner& owner, nanny_link& nanny,
                         descriptor socket, time_point start_deadline)
    : number_(number),
      boss_(boss),
      owner_(owner),
      nanny_(nanny),
      channel_(std::move(socket)),
      deadline_(start_deadline) {
  boss_.watch(channel_.fd(), EPOLLIN, *this);
  boss_.add_worker(*this);
}

worker_link::~worker_link() { boss_.remove_worker(*this); }

void worker_link::run(const item_range& range) {
  state_ = state::busy;
  range_ = range;
  done_ = 0;
  began_ = std::chrono::steady_clock::now();
  announce(range.work->target().thunk);
  announce(range.work->target().function);
  byte_buffer body;
  body.append_value(run_body{.target = range.work->target(), .items = range.count});
  channel_.send({.run = ++run_, .item = 0, .kind = frame_kind::run}, body.bytes(),
                range.work->encoded(range.first, range.count));
  send_queued();
}

void worker_link::announce(const code_location& where) {
  if (where.module == code_location::nowhere) return;
  if (where.module >= announced_.size()) announced_.resize(where.module + 1);
  if (announced_[where.module]) return;
  announced_[where.module] = true;
  const module_identity& identity = module_at(where.module);
  byte_buffer body;
  writer to(body);
  to(identity.build_id, identity.path);
  channel_.send({.run = 0, .item = where.module, .kind = frame_kind::module}, body.bytes());
}

void worker_link::leave(time_point deadline) {
  state_ = state::leaving;
  deadline_ = deadline;
  channel_.close_output();
}

void worker_link::cancel_by_kill() {
  cancelling_ = true;
  kill();
}

void worker_link::kill() {
  nanny_.kill_worker(number_);
  boss_.flush_nanny(nanny_);
}

void worker_link::give_up(std::string why) {
  if (!given_up_.empty()) return;
  given_up_ = std::move(why);
  kill();
}

void worker_link::on_deadline() {
  deadline_ = time_point::max();
  if (state_ == state::leaving) return kill();
  give_up("it did not report within " +
          std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(boss_.start_timeout()).count()) +
          " ms: the machine has no time for it, or it never reaches fanout's worker entry, which is to call "
          "fanout::init(argc, argv) first in its main()");
  if (!nanny_.ready()) nanny_.kill();
}

void worker_link::on_event(std::uint32_t events) {
  if (state_ == state::ended) return;
  if ((events & EPOLLOUT) != 0) send_queued();
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0) receive();
}

void worker_link::send_queued() {
  output_pending_ = !channel_.flush();
  if (output_pending_ == watching_output_) return;
  watching_output_ = output_pending_;
  boss_.rewatch(channel_.fd(), watching_output_ ? EPOLLIN | EPOLLOUT : EPOLLIN, *this);
}

void worker_link::receive() {
  if (input_ended_) return;
  const auto got = channel_.receive([this](const frame& f) { on_frame(f); });
  if (got == frame_source::input::none) return;
  input_ended_ = true;
  left_unread_ = got == frame_source::input::unread;
  boss_.unwatch(channel_.fd());
  kill();  // most likely it is dead already; one that only closed its socket is of no use
}

void worker_link::on_frame(const frame& f) {
  if (!given_up_.empty()) return;
  if (f.header.kind == frame_kind::hello && state_ == state::starting) {
    on_hello(f);
  } else if (state_ == state::busy && f.header.run == run_ && f.header.item == done_ &&
             (f.header.kind == frame_kind::value || f.header.kind == frame_kind::error)) {
    on_answer(f);
  } else if (state_ != state::leaving) {
    give_up("it sent something that makes no sense; has it overwritten its memory?");
  }
}

void worker_link::on_hello(const frame& f) {
  hello_body hello;
  if (f.body.size() == sizeof hello) std::memcpy(&hello, f.body.data(), sizeof hello);
  if (f.body.size() != sizeof hello || hello.version != protocol_version)
    return give_up("it was built with another version of fanout than this program");
  pid_ = hello.pid;
  state_ = state::idle;
  deadline_ = time_point::max();
  owner_.on_worker_ready(*this);
}

void worker_link::on_answer(const frame& f) {
  const std::size_t item = range_.first + done_;
  if (f.header.kind == frame_kind::value) {
    range_.work->succeeded(item, f.body);
  } else {
    range_.work->failed(item, decode_exception(f.body));
  }
  if (++done_ < range_.count) return;
  state_ = state::idle;
  owner_.on_worker_idle(*this, std::exchange(range_, {}), std::chrono::steady_clock::now() - began_);
}

void worker_link::on_ended(const worker_end& end) {
  if (state_ == state::ended) return;
  if (!input_ended_) {
    const auto got = channel_.receive([this](const frame& f) { on_frame(f); });
    left_unread_ = got == frame_source::input::unread;
    boss_.unwatch(channel_.fd());
  }
  std::string start_failure;
  if (state_ == state::starting)
    start_failure = !given_up_.empty()           ? given_up_
                    : !end.start_failure.empty() ? end.start_failure
                    : end.with_nanny             ? "the nanny process, which starts them, ended first"
                                                 : "it " + describe_end(end.status) + " before it was ready";
  const item_range not_begun = state_ == state::busy ? settle(end) : item_range{};
  channel_.drop_output();
  state_ = state::ended;
  deadline_ = time_point::max();
  owner_.on_worker_ended(*this, not_begun, start_failure);
}

void worker_link::on_not_started(int error) {
  given_up_ = std::string("it could not be created: fork: ") + std::strerror(error);
  on_ended({});
}

item_range worker_link::settle(const worker_end& end) {
  item_range rest = std::exchange(range_, {});
  rest.first += done_;
  rest.count -= done_;
  // A run is read whole before its first item begins, so one that was not read has not begun.
  const bool read = !left_unread_ && !output_pending_ && !channel_.lost_output();
  const bool begun = read || done_ != 0;
  if (begun || cancelling_) {
    rest.work->failed(rest.first, cancelling_ ? std::make_exception_ptr(cancelled()) : death(end, rest));
    ++rest.first;
    --rest.count;
  }
  if (rest.count == 0) std::exchange(rest.work, nullptr)->drop();
  return rest;
}

std::exception_ptr worker_link::death(const worker_end& end, const item_range& at) const {
  const int signal = WIFSIGNALED(end.status) ? WTERMSIG(end.status) : 0;
  std::string text = "worker " + std::to_string(pid_) + " " + describe_end(end.status);
  text += at.work->is_map() ? " in task " + std::to_string(at.first) + " of map" : " in its task";
  if (!given_up_.empty()) {
    text += " (killed by the pool: " + given_up_ + ")";
  } else if (end.with_nanny) {
    text += " (the nanny process that watches the workers was killed)";
  } else if (signal == SIGKILL) {
    text += " (not sent by the pool; perhaps by the kernel, out of memory)";
  }
  return std::make_exception_ptr(worker_died(text, signal, WIFEXITED(end.status) ? WEXITSTATUS(end.status) : 0, pid_));
}

}  // namespace fanout::detail
