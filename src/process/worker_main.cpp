// SPDX-License-Identifier: Apache-2.0
// A worker's life: read a run, call it item by item, answer each item, again.
//
//            run frame             last item answered, or the rest recalled
//   waiting ───────────▶ running ───────────────────────────────────────────▶ waiting ──leave frame──▶ leaves
//
// Single-threaded, but for the listener that functions with a stop_token need: whatever other threads there are belong
// to the user's tasks.
#include "worker_main.hpp"

#include <cxxabi.h>
#include <fcntl.h>
#include <stdio_ext.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "channel.hpp"
#include "exception_codec.hpp"
#include "fanout/detail/foreign_runtime.hpp"
#include "fanout/detail/shipping.hpp"
#include "fanout/errors.hpp"
#include "module_table.hpp"
#include "nanny_start.hpp"
#include "own_process.hpp"
#include "stop_listener.hpp"
#include "welcome.hpp"

namespace fanout::detail {

namespace {

constexpr int oom_score_raise = 300;

void (*at_leave)() = nullptr;  // set before fanout::init()

[[noreturn]] void end_process(leave_by way) {
  std::fflush(nullptr);
  if (way == leave_by::exit) std::exit(0);
  ::_exit(0);
}

/// The kernel should rather end a worker, whose task then fails, than the program.
void raise_oom_score() noexcept {
  const descriptor file(::open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC));
  char text[16];
  const ssize_t size = file ? ::read(file.get(), text, sizeof text) : 0;
  int score = 0;
  if (size <= 0 || std::from_chars(text, text + size, score).ec != std::errc()) return;
  const auto raised = std::to_chars(text, text + sizeof text, std::min(1000, score + oom_score_raise));
  [[maybe_unused]] const ssize_t written = ::write(file.get(), text, static_cast<std::size_t>(raised.ptr - text));
}

/// The program's modules as this worker came to know them.
class code_finder {
 public:
  void learn(const frame& f) {
    reader from(f.body);
    entry e;
    from(e.identity.build_id, e.identity.path);
    known_[static_cast<std::uint32_t>(f.header.item)] = std::move(e);
  }

  /// Null for nowhere. Throws not_importable.
  void* find(const code_location& where) {
    if (where.module == code_location::nowhere) return nullptr;
    const auto found = known_.find(where.module);
    if (found == known_.end()) throw not_importable("the program sent a call into a module that it did not name");
    entry& e = found->second;
    if (!e.module) e.module = find_module(e.identity);
    return address_in(*e.module, where.offset);
  }

 private:
  struct entry {
    module_identity identity;
    std::optional<loaded_module> module;
  };
  std::map<std::uint32_t, entry> known_;
};

std::int64_t now_in_ns() noexcept { return std::chrono::steady_clock::now().time_since_epoch().count(); }

/// A clock that costs next to nothing and ticks every few milliseconds: at each tick the program is told of what a long
/// run has answered so far. (Of a short one it hears when that has ended.)
class coarse_clock {
 public:
  bool ticked() noexcept {
    if (--asks_until_look_ != 0) return false;
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    const std::int64_t tick = now.tv_sec * 1'000'000'000 + now.tv_nsec;
    const bool has_ticked = std::exchange(last_, tick) != tick;
    between_looks_ = has_ticked ? 1 : std::min(2 * between_looks_, most_between_looks);
    asks_until_look_ = between_looks_;
    return has_ticked;
  }

 private:
  static constexpr unsigned most_between_looks = 64;  // where so many take less than a tick, to look takes longer
  std::int64_t last_ = 0;
  unsigned between_looks_ = 1, asks_until_look_ = 1;
};

class server {
 public:
  server(descriptor socket, worker_surroundings&& all, leave_by way)
      : socket_(std::move(socket)), channel_(std::move(all), socket_), stop_(channel_.page()), way_(way) {
    install_crash_handlers(channel_.page().crash);
  }

  [[noreturn]] void run() {
    const hello_body hello{.version = protocol_version, .pid = process_};
    channel_.send({.kind = frame_kind::hello}, {.bytes = std::as_bytes(std::span(&hello, 1))}, true);
    for (;;) {
      const frame f = channel_.next();
      switch (f.header.kind) {
        case frame_kind::module:
          code_.learn(f);
          break;
        case frame_kind::initialize:
          initialize(f);
          break;
        case frame_kind::run:
          handle_run(f);
          break;
        case frame_kind::leave:
          leave();
        default:
          throw std::runtime_error("what the program sent makes no sense");
      }
    }
  }

 private:
  void initialize(const frame& f) {
    reader from(f.body);
    run_body body;
    from(body);
    answer({.run = f.header.run, .item = 0, .kind = frame_kind::value},
           [&] { reinterpret_cast<void (*)()>(code_.find(body.function))(); });
    send(true);
  }

  void handle_run(const frame& f) {
    reader head(f.body);
    run_body body;
    head(body);
    reader from(f.rest.empty() ? head.bytes(head.left()) : f.rest);
    called_code code;
    auto& word = channel_.page().runs[f.header.run % most_runs_in_flight];
    const std::int64_t began = now_in_ns();
    if (body.is_timed != 0) channel_.page().item_began.store(began, std::memory_order_release);
    for (std::uint64_t i = 0; i < body.items; ++i) {
      std::uint64_t length = 0;
      from(length);
      const auto input = from.bytes(static_cast<std::size_t>(length));
      if (i != 0 && body.is_timed != 0) channel_.page().item_began.store(now_in_ns(), std::memory_order_release);
      if (!word.begin_item())
        return channel_.send({.run = f.header.run, .item = i, .kind = frame_kind::recalled}, {}, true);
      answer_item(f.header.run, i, body, code, {input, f.blocks});
      const bool last = i + 1 == body.items;
      if (last) set_time(now_in_ns() - began);
      send(last || clock_.ticked());
    }
  }

  /// What a run's items call, once it was looked for: by the first of them, since that may load a module.
  struct called_code {
    thunk_fn thunk = nullptr;
    void* function = nullptr;
  };

  /// The answer to one item, in output_.
  void answer_item(std::uint64_t run, std::uint64_t item, const run_body& body, called_code& code,
                   const incoming_message& input) {
    const frame_header header{.run = run, .item = item, .kind = frame_kind::value};
    answer(header, [&] {
      if (code.thunk == nullptr) {
        code.function = code_.find(body.function);
        code.thunk = reinterpret_cast<thunk_fn>(code_.find(body.thunk));
      }
      remote_call call{input, output_, code.function, stop_token()};
      if (body.takes_token == 0) return code.thunk(call);
      stop_source source;
      call.token = source.get_token();
      stop_.begin(run, source);
      const struct stopping {
        stop_listener& listener;
        ~stopping() { listener.end(); }
      } until_it_ends{stop_};
      code.thunk(call);
    });
  }

  template <class Call>
  void answer(const frame_header& header, Call&& call) {
    header_ = header;
    output_.clear();
    try {
      call();
    } catch (const abi::__forced_unwind&) {
      end_process(leave_by::immediate);  // the task called pthread_exit: the thread that answers would be gone
    } catch (...) {
      header_.kind = frame_kind::error;
      output_.clear();
      encode_current_exception(output_);
    }
    if (own_pid() != process_) end_process(leave_by::immediate);  // the task forked, and this is the copy's return
    // What a task printed is out when its result is.
    if (::__fpending(stdout) != 0) std::fflush(stdout);
  }

  void set_time(std::int64_t ns) noexcept {
    header_.took = static_cast<std::uint32_t>(std::clamp<std::int64_t>(ns / ns_per_unit_of_time, 1, UINT32_MAX));
  }

  void send(bool wakes) {
    channel_.send(header_, output_.message(), wakes);
    // A slab is not kept here: should a task fork, there is nothing behind its addresses in the copy.
    if (output_.is_in_slab() || output_.capacity() > largest_kept) output_ = byte_buffer(to_be_sent);
    output_.clear();  // and blocks go as soon as those who get them let go of them
  }

  [[noreturn]] void leave() const {
    if (at_leave != nullptr) at_leave();
    end_process(way_);
  }

  static constexpr std::size_t largest_kept = std::size_t{1} << 20;

  const descriptor socket_;  // closed with the process: by that the program sees its end
  worker_channel channel_;
  stop_listener stop_;
  const leave_by way_;
  const pid_t process_ = own_pid();
  const kept_slabs kept_slabs_{kept_by_worker};
  frame_header header_;
  byte_buffer output_{to_be_sent};
  code_finder code_;
  coarse_clock clock_;
};

std::uint32_t own_depth = 0;  // set before the first task

}  // namespace

void at_worker_leave(void (*last)()) noexcept { at_leave = last; }

void end_with_parent(pid_t parent) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(125);  // it ended before the line above
}

void dress_as_worker() noexcept {
  ::prctl(PR_SET_NAME, worker_name);
  raise_oom_score();
}

unsigned depth_of_this_process() noexcept { return own_depth; }

void serve(descriptor socket, leave_by way) {
  auto all = receive_welcome(socket);
  if (!all) end_process(leave_by::immediate);
  own_depth = all->greeting.depth;
  // Never destroyed: tasks may exit(). Not static: a task may have forked the nanny of a pool of its own from this
  // process, and then it is that pool's worker which gets here.
  auto* const the_server = new server(std::move(socket), *std::move(all), way);
  the_server->run();
}

}  // namespace fanout::detail
