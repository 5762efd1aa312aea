// SPDX-License-Identifier: Apache-2.0
// The program's side of one worker.
#include "worker_link.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <new>
#include <utility>

#include "crash_report.hpp"
#include "exception_codec.hpp"
#include "fanout/detail/archive.hpp"
#include "fanout/errors.hpp"
#include "module_table.hpp"
#include "nanny_link.hpp"
#include "stop_listener.hpp"
#include "supervisor.hpp"

namespace fanout::detail {

namespace {

constexpr unsigned most_false_starts = 3;

std::string in_milliseconds(duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) + " ms";
}

/// "task 37 of map" or "its task".
std::string name_of(const item_range& item) {
  return item.work->is_map() ? "task " + std::to_string(item.work->number_of(item.first)) + " of map" : "its task";
}

}  // namespace

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
      socket_(std::move(socket)),
      channel_(boss.welcome_worker(socket_), socket_),
      deadline_(start_deadline) {
  boss_.watch(socket_.get(), EPOLLRDHUP, *this);
  boss_.add_worker(*this);
}

worker_link::~worker_link() { boss_.remove_worker(*this); }

// --- to the worker

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

void worker_link::run(const item_range& range, duration expected, duration timeout, std::size_t blocks) {
  const call_target& target = range.work->target();
  announce(target.thunk);
  announce(target.function);
  const run_body body{.thunk = target.thunk,
                      .function = target.function,
                      .takes_token = target.takes_token,
                      .is_timed = timeout != duration::zero(),
                      .items = range.count};
  run_in_flight& run = runs_.emplace_back(run_in_flight{.number = ++last_run_,
                                                        .range = range,
                                                        .expected = expected,
                                                        .timeout = timeout,
                                                        .since = boss_.now(),
                                                        .blocks = blocks});
  blocks_on_their_way_ += blocks;
  state_ = state::busy;
  given_ += range.count;
  backlog_ += expected;
  word_of(run).reset();
  channel_.page().program_cpu.store(static_cast<std::uint32_t>(::sched_getcpu()), std::memory_order_relaxed);
  run.slab = channel_.send({.run = run.number, .item = 0, .kind = frame_kind::run}, std::as_bytes(std::span(&body, 1)),
                           range.work->encoded(range.first, range.count));
  if (runs_.size() == 1) watch_time();
}

void worker_link::leave(time_point deadline) {
  state_ = state::leaving;
  deadline_ = deadline;
  channel_.send({.kind = frame_kind::leave}, {});
}

void worker_link::kill() {
  killed_ = true;
  nanny_.kill_worker(number_);
  boss_.flush_nanny(nanny_);
}

void worker_link::give_up(std::string why) {
  if (!given_up_.empty()) return;
  given_up_ = std::move(why);
  kill();
}

// --- taking back

void worker_link::recall(run_in_flight& run) {
  if (run.recalled || run.range.count == 0) return;
  const std::size_t all = run.answered + run.range.count;
  const std::size_t begun = std::clamp<std::uint64_t>(word_of(run).recall(), run.answered, all);
  if (begun == all) return;  // too late: it will answer them all
  run.recalled = true;
  item_range rest{run.range.work, run.range.first + (begun - run.answered), all - begun};
  const duration left = run.expected * static_cast<std::int64_t>(begun) / static_cast<std::int64_t>(all);
  backlog_ -= std::exchange(run.expected, left) - left;
  run.range.count -= rest.count;
  given_ -= rest.count;
  rest.work->retain();  // the run keeps its own reference: it may still be on its way through the ring
  owner_.on_taken_back(rest);
}

void worker_link::take_back_from(std::size_t first_run) {
  for (std::size_t i = runs_.size(); i > first_run; --i) recall(runs_[i - 1]);
}

void worker_link::take_back() { take_back_from(runs_.size() > 1 ? 1 : 0); }

void worker_link::take_back_dropped() {
  for (std::size_t i = runs_.size(); i > 0; --i) {
    if (!runs_[i - 1].range.work->begin()) recall(runs_[i - 1]);
  }
}

time_point worker_link::could_give_back_since() const noexcept {
  if (is_doomed() || runs_.empty() || runs_.back().recalled) return time_point::max();
  return runs_.size() > 1 || runs_.front().range.count > 1 ? runs_.front().since : time_point::max();
}

worker_link::cancel_outcome worker_link::cancel(const remote_work& work) {
  look();
  const auto found = std::ranges::find(runs_, &work, [](const auto& run) { return run.range.work; });
  if (found == runs_.end() || found->range.count == 0) return cancel_outcome::not_here;
  recall(*found);  // it is a task: one item
  if (found->range.count == 0) return cancel_outcome::taken_back;
  if (!work.target().takes_token) return cancel_outcome::runs;
  ask_run_to_stop(channel_.page(), found->number);
  return cancel_outcome::asked;
}

void worker_link::kill_item(std::exception_ptr verdict) {
  take_back_from(0);
  verdict_ = std::move(verdict);
  kill();
}

// --- time

void worker_link::watch_time() noexcept {
  if (state_ == state::starting || state_ == state::leaving) return;
  deadline_ = runs_.empty() || runs_.front().timeout == duration::zero() || is_doomed()
                  ? time_point::max()
                  : runs_.front().since + runs_.front().timeout;
}

void worker_link::on_deadline(time_point now) {
  deadline_ = time_point::max();
  if (state_ == state::leaving) return kill();
  if (state_ != state::starting) return look_at_time(now);
  give_up("it did not report within " + in_milliseconds(boss_.start_timeout()) +
          (initializing_ ? ": its initializer takes longer"
                         : ": the machine has no time for it, or it never reaches fanout's worker entry, which is to "
                           "call fanout::init(argc, argv) first in its main()"));
  if (!nanny_.ready()) nanny_.kill();
}

/// The item that it is at may be late: not before that long after `since`. When it did begin the worker says.
void worker_link::look_at_time(time_point now) {
  look();
  watch_time();
  if (runs_.empty() || runs_.front().timeout == duration::zero() || is_doomed()) return;
  run_in_flight& run = runs_.front();
  const auto& said = channel_.page().item_began;
  const std::int64_t began_at = said.load(std::memory_order_acquire);
  const time_point began = std::clamp(time_point(duration(began_at)), run.since, now);
  const bool has_begun = word_of(run).begun() > run.answered;
  if (!has_begun || began + run.timeout > now) {
    deadline_ = (has_begun ? began : now) + run.timeout;
    return;
  }
  const std::uint64_t number = run.number;
  take_back_from(0);
  look();  // from here on it begins nothing else: what it is at now is what was late, or it is at nothing
  const bool still_there = !runs_.empty() && runs_.front().number == number && runs_.front().range.count == 1;
  if (!still_there || said.load(std::memory_order_acquire) != began_at) return;
  kill_item(std::make_exception_ptr(timed_out("worker " + std::to_string(pid_) +
                                              " was killed: " + name_of(runs_.front().range) + " took longer than " +
                                              in_milliseconds(runs_.front().timeout))));
}

std::size_t worker_link::resident_bytes() const {
  std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
  std::size_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * whole_pages(1);
}

// --- from the worker

void worker_link::on_event(std::uint32_t) {
  if (state_ == state::ended || !watching_socket_) return;
  watching_socket_ = false;
  boss_.unwatch(socket_.get());
  kill();  // most likely it is dead already; one that only closed its socket, or runs another program, is of no use
}

void worker_link::look() {
  if (state_ == state::ended) return;
  try {
    channel_.receive([this](const frame& f) { return on_frame(f); });
    if (channel_.corrupt()) give_up("it has overwritten the memory that it shares with the program");
    if (channel_.pending() && !is_doomed()) channel_.flush();
  } catch (const std::bad_alloc&) {
    give_up("the program lacks the memory for its result");
  }
}

bool worker_link::on_frame(const frame& f) {
  if (!given_up_.empty()) return false;
  if (f.header.run == short_frame && !runs_.empty() && runs_.front().range.count != 0) {  // as nearly always
    on_answer(f);
    return true;
  }
  const bool is_answer = f.header.kind == frame_kind::value || f.header.kind == frame_kind::error;
  if (state_ == state::starting && f.header.kind == frame_kind::hello && !initializing_) {
    on_hello(f);
  } else if (state_ == state::starting && is_answer && f.header.run == 0 && initializing_) {
    on_initialized(f);
  } else if (runs_.empty() || f.header.run != runs_.front().number || f.header.item != runs_.front().answered) {
    if (state_ != state::leaving) give_up("it sent something that makes no sense; has it overwritten its memory?");
  } else if (is_answer && runs_.front().range.count != 0) {
    on_answer(f);
  } else if (f.header.kind == frame_kind::recalled && runs_.front().recalled && runs_.front().range.count == 0) {
    end_run({});
  } else if (f.header.kind == frame_kind::returned && runs_.front().answered == 0 && runs_.front().slab != 0) {
    on_returned();
  } else {
    give_up("it sent something that makes no sense; has it overwritten its memory?");
  }
  return true;
}

void worker_link::on_hello(const frame& f) {
  hello_body hello;
  if (f.body.size() == sizeof hello) std::memcpy(&hello, f.body.data(), sizeof hello);
  if (f.body.size() != sizeof hello || hello.version != protocol_version)
    return give_up("it was built with another version of fanout than this program");
  pid_ = hello.pid;
  if (initializer_.module == code_location::nowhere) return become_ready();
  initializing_ = true;
  announce(initializer_);
  const run_body body{.thunk = {}, .function = initializer_};
  channel_.send({.kind = frame_kind::initialize}, std::as_bytes(std::span(&body, 1)));
}

void worker_link::on_initialized(const frame& f) {
  if (f.header.kind == frame_kind::value) return become_ready();
  std::string why = "it threw something";
  try {
    std::rethrow_exception(decode_exception(f.body));
  } catch (const std::exception& error) {
    why = error.what();
  } catch (...) {
  }
  give_up("its initializer failed: " + why);
}

void worker_link::become_ready() {
  state_ = state::idle;
  idle_since_ = boss_.now();
  deadline_ = time_point::max();
  owner_.on_worker_ready(*this);
}

void worker_link::on_answer(const frame& f) {
  run_in_flight& run = runs_.front();
  remote_work& work = *run.range.work;
  const std::size_t item = run.range.first;
  ++run.answered;
  ++run.range.first;
  --run.range.count;
  owner_.on_item_ended();  // before anybody is told: stats() counts what is there
  if (f.header.kind == frame_kind::value) {
    work.succeeded(item, {f.body, f.blocks});
  } else {
    work.failed(item, decode_exception(f.body));
  }
  if (run.range.count == 0 && !run.recalled) {
    end_run(duration(f.header.took * ns_per_unit_of_time));
  } else if (run.timeout != duration::zero()) {
    run.since = boss_.now();
    watch_time();
  }
}

/// It has begun nothing of the run, nor will it: it cannot map the slab. From now on it is sent none.
void worker_link::on_returned() {
  channel_.send_no_slabs();
  recall(runs_.front());
  if (runs_.front().range.count != 0) return give_up("it returned what it has begun; has it overwritten its memory?");
  end_run({});
}

void worker_link::end_run(duration taken) {
  const run_in_flight ended = runs_.front();
  runs_.pop_front();
  backlog_ -= ended.expected;
  blocks_on_their_way_ -= ended.blocks;
  if (runs_.empty()) {
    if (state_ == state::busy) state_ = state::idle;
    idle_since_ = boss_.now();
  } else {
    runs_.front().since = boss_.now();
  }
  watch_time();
  owner_.on_run_ended(*this, {ended.range.work, ended.range.first - ended.answered, ended.answered}, taken);
}

// --- its end

void worker_link::on_ended(const worker_end& end) {
  if (state_ == state::ended) return;
  look();
  if (std::exchange(watching_socket_, false)) boss_.unwatch(socket_.get());
  std::string start_failure;
  if (state_ == state::starting)
    start_failure = !given_up_.empty()           ? given_up_
                    : !end.start_failure.empty() ? end.start_failure
                    : end.with_nanny             ? "the nanny process, which starts them, ended first"
                                                 : "it " + describe_end(end.status) +
                                           (initializing_ ? " in its initializer" : " before it was ready");
  channel_.drop_output();
  settle(end);
  state_ = state::ended;
  deadline_ = time_point::max();
  owner_.on_worker_ended(*this, start_failure);
}

void worker_link::on_not_started(int error) {
  given_up_ = std::string("it could not be created: fork: ") + std::strerror(error);
  on_ended({});
}

/// Only the first run can have an item that has begun and not ended. If the words say anything else, the worker has
/// overwritten them, and what they call begun is not run again. What had not begun goes to other workers; but not for
/// ever, if they all die of being sent it: it may be larger than the memory that they have.
void worker_link::settle(const worker_end& end) {
  while (!runs_.empty()) {
    run_in_flight run = runs_.back();
    runs_.pop_back();
    const std::size_t all = run.answered + run.range.count;
    // Its nanny's end is known before its own comes: from here on it begins nothing, but may still read.
    if (end.with_nanny && run.slab != 0) slab_store::get().retire(run.slab);
    const std::size_t begun = std::clamp<std::uint64_t>(word_of(run).recall(), run.answered, all) - run.answered;
    const bool never_begins = runs_.empty() && begun == 0 && run.range.count != 0 && !end.with_nanny &&
                              run.range.work->count_false_start(run.range.first) >= most_false_starts;
    settle_run(run, never_begins ? 1 : begun, end, never_begins ? ", as others before it, when it was sent " : " in ");
  }
}

void worker_link::settle_run(run_in_flight& run, std::size_t begun, const worker_end& end, const char* when) {
  item_range rest{run.range.work, run.range.first + begun, run.range.count - begun};
  if (rest.count != 0) {
    rest.work->retain();
    owner_.on_taken_back(rest);
  }
  for (std::size_t i = begun; i > 0; --i) {
    const item_range lost{run.range.work, run.range.first + i - 1, 1};
    lost.work->retain();
    const bool killed = verdict_ != nullptr;  // given away: threads would share the exception
    owner_.on_item_lost(lost, killed ? std::exchange(verdict_, nullptr) : death(end, when, lost), killed);
  }
  run.range.work->drop();
}

std::exception_ptr worker_link::death(const worker_end& end, const char* when, const item_range& at) const {
  const int signal = WIFSIGNALED(end.status) ? WTERMSIG(end.status) : 0;
  std::string text = "worker " + std::to_string(pid_) + " " + describe_end(end.status);
  const std::string crash = signal != 0 ? describe_crash(channel_.page().crash, signal) : std::string();
  if (!crash.empty()) text += " " + crash + ",";
  text += when + name_of(at);
  if (!given_up_.empty()) {
    text += " (killed by the pool: " + given_up_ + ")";
  } else if (end.with_nanny) {
    text += " (the nanny process that watches the workers was killed)";
  } else if (signal == SIGKILL) {
    text += boss_.memory_ran_out() ? " (probably out of memory: the kernel ended a process for want of it)"
                                   : " (not sent by the pool)";
  }
  return std::make_exception_ptr(worker_died(text, signal, WIFEXITED(end.status) ? WEXITSTATUS(end.status) : 0, pid_));
}

}  // namespace fanout::detail
