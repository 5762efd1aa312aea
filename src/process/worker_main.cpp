// SPDX-License-Identifier: Apache-2.0
// A worker's life: read a run, call it item by item, answer each item, again.
//
//            run frame             last item answered
//   waiting ───────────▶ running ─────────────────────▶ waiting ──end of input──▶ leaves
//
// Single-threaded: whatever threads there are belong to the user's tasks.
#include "worker_main.hpp"

#include <cxxabi.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <optional>
#include <string>

#include "channel.hpp"
#include "exception_codec.hpp"
#include "fanout/detail/shipping.hpp"
#include "fanout/detail/worker_leave.hpp"
#include "fanout/errors.hpp"
#include "module_table.hpp"

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

class server {
 public:
  server(descriptor socket, leave_by way) noexcept : socket_(std::move(socket)), way_(way) {}

  [[noreturn]] void run() {
    send_hello();
    for (;;) {
      while (const auto f = input_.next()) handle(*f);
      if (input_.fill(socket_.get(), true) != frame_source::input::some) leave();
    }
  }

 private:
  void send_hello() {
    begin_frame({.run = 0, .item = 0, .kind = frame_kind::hello});
    output_.append_value(hello_body{.version = protocol_version, .pid = ::getpid()});
    finish_frame();
  }

  void handle(const frame& f) {
    if (f.header.kind == frame_kind::module) {
      code_.learn(f);
    } else if (f.header.kind == frame_kind::run) {
      handle_run(f);
    }
  }

  void handle_run(const frame& f) {
    reader from(f.body);
    run_body body;
    from(body);
    for (std::uint64_t i = 0; i < body.items; ++i) {
      std::uint64_t length = 0;
      from(length);
      answer_item(f.header.run, i, body.target, from.bytes(static_cast<std::size_t>(length)));
    }
  }

  void answer_item(std::uint64_t run, std::uint64_t item, const call_target& target, std::span<const std::byte> input) {
    begin_frame({.run = run, .item = item, .kind = frame_kind::value});
    try {
      reader in(input);
      remote_call call{in, output_, code_.find(target.function)};
      const auto thunk = reinterpret_cast<thunk_fn>(code_.find(target.thunk));
      thunk(call);
    } catch (const abi::__forced_unwind&) {
      end_process(leave_by::immediate);  // the task called pthread_exit: the thread that answers would be gone
    } catch (...) {
      begin_frame({.run = run, .item = item, .kind = frame_kind::error});
      encode_current_exception(output_);
    }
    if (::getpid() != process_) end_process(leave_by::immediate);  // the task forked, and this is the copy's return
    std::fflush(stdout);                                           // what a task printed is out when its result is
    finish_frame();
  }

  [[noreturn]] void leave() const {
    if (at_leave != nullptr) at_leave();
    end_process(way_);
  }

  void begin_frame(const frame_header& header) {
    output_.clear();
    output_.append_value(header);
  }
  void finish_frame() {
    output_.overwrite(offsetof(frame_header, length), std::uint64_t{output_.size() - sizeof(frame_header)});
    if (!send_all(socket_.get(), output_.bytes())) leave();
    if (output_.capacity() > largest_kept) output_ = byte_buffer();
  }

  static constexpr std::size_t largest_kept = std::size_t{1} << 20;

  descriptor socket_;
  const leave_by way_;
  const pid_t process_ = ::getpid();
  frame_source input_;
  byte_buffer output_;
  code_finder code_;
};

}  // namespace

void at_worker_leave(void (*last)()) noexcept { at_leave = last; }

void end_with_parent(pid_t parent) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(125);  // it ended before the line above
}

void dress_as_worker() noexcept {
  ::prctl(PR_SET_NAME, "fanout-worker");
  raise_oom_score();
}

void serve(descriptor socket, leave_by way) {
  static auto* const the_server = new server(std::move(socket), way);  // tasks may exit(): never destroyed under them
  the_server->run();
}

}  // namespace fanout::detail
