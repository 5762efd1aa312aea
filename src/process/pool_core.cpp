// SPDX-License-Identifier: Apache-2.0
// One process pool: its queue, its workers, and who gets what.
#include "pool_core.hpp"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

#include "block_exchange.hpp"
#include "fanout/detail/this_thread.hpp"
#include "fanout/errors.hpp"
#include "own_process.hpp"
#include "shut_down.hpp"

namespace fanout::detail {

namespace {

using namespace std::chrono_literals;

constexpr unsigned most_failed_starts = 3;
constexpr duration time_to_leave = 5s;       // for a worker to flush, and run its destructors
constexpr duration work_ahead = 500us;       // what a worker may have besides what it is at
constexpr duration worth_waking_for = 25us;  // for less, a worker that is awake is as soon at it as one that wakes up
constexpr duration unknown_time = 1h;        // of what was never run: nothing is sent after it
constexpr duration patience = 1ms;           // with a worker that has more than it is at, while another has nothing
constexpr duration between_memory_looks = 20ms;
constexpr std::size_t blocks_on_their_way = 32;  // to a worker: the system limits how many a user may send at a time

}  // namespace

unsigned remote_work::count_one_more(counts mishaps::* which, std::size_t item) {
  if (mishaps_ == nullptr) mishaps_ = std::make_unique<mishaps>();
  counts& where = *mishaps_.*which;
  const auto found = std::ranges::find(where, item, [](const auto& entry) { return entry.first; });
  if (found != where.end()) return ++found->second;
  return where.emplace_back(item, 1U).second;
}
unsigned remote_work::count_death(std::size_t item) { return count_one_more(&mishaps::deaths, item); }
unsigned remote_work::count_false_start(std::size_t item) { return count_one_more(&mishaps::false_starts, item); }

void enqueue(pool_core& pool, remote_work& work, std::size_t count, std::size_t chunk) {
  pool.enqueue(work, count, chunk, true);
}
void enqueue_for_next_turn(pool_core& pool, remote_work& work, std::size_t count, std::size_t chunk) {
  pool.enqueue(work, count, chunk, false);
}

std::shared_ptr<outside> results_of(pool_core& pool) { return pool.results(); }

void take_back_dropped(pool_core& pool) noexcept { pool.take_back_dropped(); }

bool cancel_handed_out(pool_core& pool, remote_work& work, cancel_mode mode) noexcept {
  return pool.cancel_handed_out(work, mode);
}

// --- any thread

pool_core::pool_core(pool_plan plan) : plan_(std::move(plan)), process_(own_pid()) {}

bool pool_core::is_of_this_process() const noexcept { return process_ == own_pid(); }

void pool_core::open() {
  if (plan_.nanny.file.empty()) {  // before the supervisor's thread, and everybody else's
    forked_nanny_ = fork_nanny(plan_.nanny);
    own_nanny_pid_ = forked_nanny_.pid;
  }
  try {
    boss_ = supervisor::get();
    boss_->add(*this);
  } catch (...) {
    forked_nanny_.socket.reset();
    if (own_nanny_pid_ != 0) ::waitpid(own_nanny_pid_, nullptr, 0);
    throw;
  }
}

std::shared_ptr<supervisor> pool_core::boss() noexcept {
  const std::lock_guard lock(mutex_);
  return boss_;
}

std::shared_ptr<outside> pool_core::results() {
  if (!is_of_this_process())
    throw error(
        "this fanout::future belongs to the process that submitted its task, not to forks of that: no result comes "
        "here");
  return boss();
}

bool pool_core::close(shutdown_mode mode, time_point deadline) {
  if (!is_of_this_process()) {  // a fork of the program has neither the thread nor the workers, and ends nothing
    if (boss_ != nullptr) new std::shared_ptr(std::move(boss_));
    return true;
  }
  const phase goal = mode == shutdown_mode::drain            ? phase::draining
                     : mode == shutdown_mode::cancel_pending ? phase::cancelling
                                                             : phase::killing;
  std::shared_ptr<supervisor> over;
  std::unique_lock lock(mutex_);
  const auto closed = [this] { return wanted_ == phase::closed; };
  const auto raise_to = [this](phase p) {
    if (wanted_ >= p) return;
    wanted_ = p;
    boss_->notify();
  };
  raise_to(goal);
  bool in_time = true;
  if (deadline != time_point::max()) {
    in_time = closed_.wait_until(lock, deadline, closed);
    if (!in_time) raise_to(phase::killing);
  }
  closed_.wait(lock, closed);
  over = std::move(boss_);
  lock.unlock();
  return in_time;
}

/// Under the lock, so that who waits, and then destroys this, finds it unused.
void pool_core::become_closed() noexcept {
  const std::lock_guard lock(mutex_);
  wanted_ = phase::closed;
  closed_.notify_all();
}

void pool_core::enqueue(remote_work& work, std::size_t count, std::size_t chunk, bool may_turn) {
  if (count == 0) return work.drop();
  work.set_chunk(chunk);
  std::shared_ptr<supervisor> boss;
  try {
    if (!is_of_this_process())
      throw error("this fanout::process_pool belongs to the process that made it, not to forks of that: make another");
    const std::lock_guard lock(mutex_);
    if (wanted_ != phase::open) throw_shut_down();
    incoming_.push_back({&work, 0, count});
    counted_.queued.fetch_add(count, std::memory_order_relaxed);
    boss = boss_;
  } catch (...) {
    work.drop();
    throw;
  }
  if (!may_turn) return boss->notify();
  scheduler* const here = current_scheduler();
  if (here != nullptr) boss->offer_to(*here);
  if (!boss->try_turn(here == nullptr, [this] { take_in(); })) boss->notify();
}

bool pool_core::cancel_handed_out(remote_work& work, cancel_mode mode) noexcept {
  if (!is_of_this_process()) return false;
  const auto boss = this->boss();
  if (boss == nullptr) return false;  // by then all has ended
  bool done = false;
  if (boss->between_turns([&] { done = cancel_now(work, mode); })) {
    boss->notify();
    return done;
  }
  // Called by what a turn runs: code that decodes a result.
  if (mode != cancel_mode::kill) return false;
  const std::lock_guard lock(mutex_);
  work.retain();
  doomed_.push_back(&work);
  boss->notify();
  return true;
}

void pool_core::take_back_dropped() noexcept {
  if (!is_of_this_process()) return;
  const auto boss = this->boss();
  if (boss == nullptr) return;
  boss->between_turns([this] {
    for (const auto& worker : workers_) worker->take_back_dropped();
  });
  boss->notify();  // they are in the queue now, where the next turn drops them
}

pool_stats pool_core::stats() const noexcept {
  const auto read = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  return {.workers = plan_.workers,
          .threads = read(counted_.processes),
          .busy = read(counted_.busy),
          .queued = read(counted_.queued),
          .completed = read(counted_.completed),
          .started = read(counted_.started),
          .died = read(counted_.died),
          .retried = read(counted_.retried)};
}

// --- turns of the supervisor

/// A turn of its own, by who submits: it takes what it brings straight to a worker, and answers that are there.
void pool_core::take_in() {
  if (forked_nanny_.pid != 0) return;  // not before the first advance()
  for (const auto& worker : workers_) worker->look();
  empty_inbox();
  if (!leaving_) start_missing_workers();
  dispatch();
  count_state();
}

bool pool_core::advance() {
  if (forked_nanny_.pid != 0) own_nanny_ = &boss_->adopt(std::exchange(forked_nanny_, {}));
  empty_inbox();
  follow_phase();
  if (!leaving_) start_missing_workers();
  dispatch();
  if (phase_ != phase::open && nothing_to_do()) release_workers();
  count_state();
  if (!leaving_ || !workers_.empty() || !nanny_ended()) return true;
  become_closed();  // from here on this may be gone
  return false;
}

void pool_core::empty_inbox() {
  std::vector<item_range> arrived;
  std::vector<remote_work*> doomed;
  {
    const std::lock_guard lock(mutex_);
    arrived.swap(incoming_);
    doomed.swap(doomed_);
    phase_ = wanted_;
  }
  queue_.insert(queue_.end(), arrived.begin(), arrived.end());
  for (auto* const work : doomed) {
    cancel_now(*work, cancel_mode::kill);
    work->drop();
  }
}

bool pool_core::cancel_now(remote_work& work, cancel_mode mode) {
  for (const auto& worker : workers_) {
    const auto outcome = worker->cancel(work);
    if (outcome == worker_link::cancel_outcome::not_here) continue;
    if (outcome == worker_link::cancel_outcome::taken_back) break;  // it is in the queue now
    if (mode == cancel_mode::kill) worker->kill_item(std::make_exception_ptr(cancelled()));
    return mode == cancel_mode::kill || outcome == worker_link::cancel_outcome::asked;
  }
  const auto queued = std::ranges::find(queue_, &work, [](const item_range& range) { return range.work; });
  if (queued == queue_.end()) return false;
  const item_range range = *queued;
  queue_.erase(queued);
  counted_.queued.fetch_sub(range.count, std::memory_order_relaxed);
  for (std::size_t i = 0; i < range.count; ++i) work.failed(range.first + i, std::make_exception_ptr(cancelled()));
  work.drop();
  return true;
}

void pool_core::follow_phase() {
  if (phase_ < phase::cancelling || leaving_) return;
  for (const auto& worker : workers_) worker->take_back_all();
  if (phase_ == phase::killing) kill_everything();
  if (phase_ == phase::killing) {
    end_queue([] { return pool_closed("this fanout::process_pool was shut down by force before the task had ended"); });
  } else {
    end_queue([] { return cancelled(); });
  }
}

void pool_core::kill_everything() {
  for (const auto& worker : workers_) {
    if (worker->has_work() && !worker->is_doomed())
      worker->kill_item(
          std::make_exception_ptr(pool_closed("this fanout::process_pool was shut down by force while the task ran")));
  }
}

// --- workers come and go

/// Those that leave, or are to, do not count; so their successors are there when they have gone. (Not so those that
/// never got ready: it counts how many tries that takes.)
bool pool_core::wants_more_workers() const {
  const auto stays = [this](const auto& worker) {
    return worker->now() == worker_link::state::starting || (!worker->is_going() && !has_done_enough(*worker));
  };
  const auto staying = static_cast<std::size_t>(std::ranges::count_if(workers_, stays));
  if (staying >= plan_.workers || (phase_ != phase::open && nothing_to_do())) return false;
  if (plan_.idle_timeout == duration::zero()) return true;
  const auto free =
      std::ranges::count_if(workers_, [&](const auto& worker) { return stays(worker) && !worker->has_work(); });
  return static_cast<std::size_t>(free) < queue_.size();
}

void pool_core::start_missing_workers() {
  while (given_up_.empty() && wants_more_workers()) {
    try {
      start_worker();
    } catch (const std::exception& error) {
      count_start_failure(error.what());
    }
  }
}

void pool_core::start_worker() {
  nanny_link& nanny = own_nanny_ != nullptr ? *own_nanny_ : boss_->nanny_for(plan_.nanny);
  auto [ours, theirs] = make_socket_pair(SOCK_STREAM);
  const auto number = boss_->new_number();
  worker_owner& self = *this;
  auto made = std::make_unique<worker_link>(number, *boss_, self, nanny, std::move(ours),
                                            boss_->now() + supervisor::start_timeout());
  made->initialize_by(plan_.initializer);
  workers_.push_back(std::move(made));
  nanny.start_worker(number, plan_.exec, plan_.command, std::move(theirs));
  boss_->flush_nanny(nanny);
}

void pool_core::count_start_failure(const std::string& why) {
  if (++failed_starts_ < most_failed_starts || !given_up_.empty()) return;
  const std::string program = plan_.command.empty() ? "of this program" : plan_.command.front();
  given_up_ = "the workers (" + program + ") cannot be started; given up after " + std::to_string(failed_starts_) +
              " attempts, the last of which: " + why;
}

bool pool_core::has_done_enough(const worker_link& worker) const {
  return plan_.max_tasks_per_worker != 0 && worker.given() >= plan_.max_tasks_per_worker;
}

void pool_core::let_go(worker_link& worker) {
  if (!worker.is_going()) worker.leave(boss_->now() + time_to_leave);
}

bool pool_core::nanny_ended() {
  if (own_nanny_ != nullptr) boss_->dismiss(*std::exchange(own_nanny_, nullptr));
  return own_nanny_pid_ == 0 || boss_->is_reaped(own_nanny_pid_);
}

bool pool_core::nothing_to_do() const {
  return queue_.empty() && std::ranges::none_of(workers_, [](const auto& worker) { return worker->has_work(); });
}

void pool_core::release_workers() {
  if (std::exchange(leaving_, true)) return;
  std::vector<worker_link*> not_waited_for;
  for (const auto& worker : workers_) {
    if (worker->now() == worker_link::state::idle) {
      let_go(*worker);
    } else if (worker->now() == worker_link::state::leaving) {
      continue;
    } else if (worker->nanny().may_never_be_ready()) {
      not_waited_for.push_back(worker.get());
    } else {
      worker->kill();  // it is still starting
    }
  }
  // Should its nanny become one after all, such a worker finds its socket closed, and leaves.
  for (auto* const worker : not_waited_for) worker->on_ended({});
}

// --- who gets what

duration pool_core::timeout_of(const remote_work& work) const {
  constexpr duration longest = std::chrono::years(100);  // more is none: no clock shows when that is over
  const duration limit = work.limits().timeout != duration::zero() ? work.limits().timeout : plan_.task_timeout;
  return limit > longest ? duration::zero() : limit;
}

std::size_t pool_core::chunk_for(const item_range& range, duration item, const worker_link& worker) const {
  std::size_t size = range.work->chunk();
  if (size == 0) size = own_chunk(item, range.count / plan_.workers);
  if (plan_.max_tasks_per_worker != 0) size = std::min<std::size_t>(size, plan_.max_tasks_per_worker - worker.given());
  return std::min(size, range.count);
}

/// Who is awake gets what takes less time than to wake another. Then each idle worker gets something, so that nobody
/// has two runs while another has none. Then, where it is known that this takes little time, they get more, so that
/// they need not wait for it.
void pool_core::dispatch() {
  if (!given_up_.empty() && workers_.empty()) return fail_queue(given_up_);
  const auto busy = [](const auto& worker) { return worker->has_work(); };
  const auto fill_busy = [this](duration most_backlog) {
    for (bool filled = true; filled && !queue_.empty();) {
      filled = false;
      for (const auto& worker : workers_) filled |= worker->has_work() && fill(*worker, most_backlog);
    }
  };
  fill_busy(worth_waking_for);
  auto at_work = static_cast<std::size_t>(std::ranges::count_if(workers_, busy));
  for (const auto& worker : workers_) {
    if (at_work >= plan_.workers || queue_.empty()) break;
    if (worker->has_work() || !fill(*worker, duration::max())) continue;
    ++at_work;
    fill_busy(worth_waking_for);
  }
  fill_busy(work_per_chunk + work_ahead);
  if (plan_.memory_limit != 0 && at_work != 0 && look_at_memory_ == time_point::max())
    look_at_memory_ = boss_->now() + between_memory_looks;
}

/// Gives it one more run, if it may have one with what it has, and there is one.
bool pool_core::fill(worker_link& worker, duration most_backlog) {
  if (!worker.may_take() || has_done_enough(worker) || !drop_cancelled()) return false;
  item_range& next = queue_.front();
  const duration item = paces_.of(next.work->target());
  std::size_t size = chunk_for(next, item, worker);
  std::size_t blocks = count_blocks(next.work->encoded(next.first, size).blocks);
  while (size > 1 && blocks > blocks_on_their_way) {
    size /= 2;
    blocks = count_blocks(next.work->encoded(next.first, size).blocks);
  }
  if (worker.has_work() && worker.blocks_on_their_way() + blocks > blocks_on_their_way) return false;
  const duration expected = item == duration::zero() ? unknown_time : item * static_cast<std::int64_t>(size);
  const bool is_own_chunk = next.work->chunk() == 0 && size > 1;
  if (is_own_chunk && most_backlog > worth_waking_for) most_backlog = work_per_long_chunk + expected;  // and one ahead
  if (worker.has_work() && (plan_.recycle_above != 0 || worker.backlog() + expected > most_backlog)) return false;
  item_range part{next.work, next.first, size};
  next.first += size;
  next.count -= size;
  counted_.queued.fetch_sub(size, std::memory_order_relaxed);
  if (next.count == 0) {
    queue_.pop_front();
  } else {
    part.work->retain();
  }
  worker.run(part, expected, timeout_of(*part.work), blocks);
  return true;
}

/// False: nothing is left.
bool pool_core::drop_cancelled() {
  while (!queue_.empty() && !queue_.front().work->begin()) {
    counted_.queued.fetch_sub(queue_.front().count, std::memory_order_relaxed);
    queue_.front().work->drop();
    queue_.pop_front();
  }
  return !queue_.empty();
}

bool pool_core::someone_idles() const {
  return queue_.empty() && std::ranges::any_of(workers_, [this](const auto& worker) {
           return worker->now() == worker_link::state::idle && worker->may_take() && !has_done_enough(*worker);
         });
}

/// A worker may have more to do than was thought, while another has nothing.
void pool_core::rebalance(time_point now) {
  if (!someone_idles()) return;
  const auto longest =
      std::ranges::min_element(workers_, {}, [](const auto& worker) { return worker->could_give_back_since(); });
  if (longest == workers_.end()) return;
  const time_point since = (*longest)->could_give_back_since();
  if (since != time_point::max() && since + patience <= now) (*longest)->take_back();
}

time_point pool_core::next_rebalance() const {
  if (!someone_idles()) return time_point::max();
  auto next = time_point::max();
  for (const auto& worker : workers_) next = std::min(next, worker->could_give_back_since());
  return next == time_point::max() ? next : std::max(next + patience, boss_->now() + patience / 2);
}

// --- time

time_point pool_core::deadline() const {
  auto next = std::min(look_at_memory_, next_rebalance());
  for (const auto& worker : workers_) {
    next = std::min(next, worker->deadline());
    if (plan_.idle_timeout != duration::zero() && worker->now() == worker_link::state::idle && !worker->is_going())
      next = std::min(next, worker->idle_since() + plan_.idle_timeout);
  }
  return next;
}

void pool_core::on_deadline(time_point now) {
  for (const auto& worker : workers_) {
    if (worker->deadline() <= now) worker->on_deadline(now);
  }
  if (look_at_memory_ <= now) watch_memory(now);
  rebalance(now);
  if (plan_.idle_timeout != duration::zero()) shrink(now);
}

void pool_core::watch_memory(time_point now) {
  look_at_memory_ = time_point::max();
  for (const auto& worker : workers_) {
    if (!worker->has_work() || worker->is_doomed()) continue;
    look_at_memory_ = now + between_memory_looks;
    if (!worker->is_at_item()) continue;  // it may be what it is being sent, which would be as much elsewhere
    const std::size_t resident = worker->resident_bytes();
    if (resident <= plan_.memory_limit) continue;
    worker->kill_item(std::make_exception_ptr(memory_limit_exceeded(
        "worker " + std::to_string(worker->pid()) + " was killed: it had " + std::to_string(resident >> 20) +
        " MiB resident, more than process_pool_options::memory_limit, which is " +
        std::to_string(plan_.memory_limit >> 20) + " MiB")));
  }
}

void pool_core::shrink(time_point now) {
  for (const auto& worker : workers_) {
    if (worker->now() == worker_link::state::idle && worker->idle_since() + plan_.idle_timeout <= now) let_go(*worker);
  }
}

// --- what workers report

void pool_core::on_worker_ready(worker_link& worker) {
  failed_starts_ = 0;
  counted_.started.fetch_add(1, std::memory_order_relaxed);
  const auto deadline = boss_->now() + supervisor::start_timeout();
  for (const auto& other : workers_) {
    if (other->now() == worker_link::state::starting) other->be_patient(deadline);
  }
  if (leaving_) worker.kill();
}

void pool_core::on_run_ended(worker_link& worker, const item_range& finished, duration taken) {
  if (taken != duration::zero() && finished.count != 0) {
    const duration each = std::max(taken / static_cast<std::int64_t>(finished.count), duration(1));
    paces_.note(finished.work->target(), each);
    finished.work->took(finished.count, each);
  }
  finished.work->drop();
  if (worker.has_work() || worker.is_doomed()) return;
  if (has_done_enough(worker) || (plan_.recycle_above != 0 && worker.resident_bytes() > plan_.recycle_above))
    let_go(worker);
}

void pool_core::on_item_ended() noexcept {
  auto& completed = counted_.completed;  // written in turns alone: no need for an atomic addition
  completed.store(completed.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void pool_core::on_taken_back(const item_range& range) {
  queue_.push_front(range);
  counted_.queued.fetch_add(range.count, std::memory_order_relaxed);
}

void pool_core::on_item_lost(const item_range& item, std::exception_ptr why, bool killed) {
  counted_.died.fetch_add(1, std::memory_order_relaxed);
  const unsigned own = item.work->limits().retries;
  const unsigned retries = own != 0 ? own : plan_.retries;
  if (!killed && phase_ < phase::cancelling && retries != 0 && item.work->count_death(item.first) <= retries) {
    counted_.retried.fetch_add(1, std::memory_order_relaxed);
    return on_taken_back(item);
  }
  on_item_ended();
  item.work->failed(item.first, std::move(why));
  item.work->drop();
}

void pool_core::on_worker_ended(worker_link& worker, const std::string& start_failure) {
  const auto found = std::ranges::find(workers_, &worker, [](const auto& w) { return w.get(); });
  boss_->bury(std::move(*found));
  workers_.erase(found);
  if (start_failure.empty() || leaving_) return;
  if (nanny_failure_ == nullptr) {
    count_start_failure(start_failure);
  } else if (nanny_failure_->empty()) {
    *nanny_failure_ = start_failure;
  }
}

void pool_core::on_nanny_gone(nanny_link& nanny, const worker_end& end) {
  std::vector<worker_link*> orphans;
  for (const auto& worker : workers_) {
    if (&worker->nanny() == &nanny) orphans.push_back(worker.get());
  }
  if (&nanny == own_nanny_) {
    own_nanny_ = nullptr;
    given_up_ =
        "the nanny process, which forks the workers, was killed, and a program with threads cannot fork another "
        "(start_method::forkserver can replace it)";
  }
  std::string failure;  // however many were just starting: one nanny that died is one failure
  nanny_failure_ = &failure;
  for (auto* const worker : orphans) worker->on_ended(end);
  nanny_failure_ = nullptr;
  if (!failure.empty()) count_start_failure(failure);
}

// --- what will not be run

/// Each item gets an error of its own: threads would share its object.
template <class MakeError>
void pool_core::end_queue(MakeError&& make_error) noexcept {
  const auto own_error = [&] {
    try {
      return std::make_exception_ptr(make_error());
    } catch (...) {
      return std::current_exception();
    }
  };
  while (!queue_.empty()) {
    const item_range range = queue_.front();
    queue_.pop_front();
    counted_.queued.fetch_sub(range.count, std::memory_order_relaxed);
    if (range.work->begin()) {
      for (std::size_t i = 0; i < range.count; ++i) {
        on_item_ended();
        range.work->failed(range.first + i, own_error());
      }
    }
    range.work->drop();
  }
}

void pool_core::fail_queue(const std::string& why) noexcept {
  end_queue([&] { return pool_broken(why); });
}

void pool_core::abandon(const char* why) noexcept {
  const std::string text = std::string("the thread that supervises the process pools failed: ") + why;
  empty_inbox();
  for (const auto& worker : workers_) {
    if (worker->has_work() && !worker->is_doomed()) worker->kill_item(std::make_exception_ptr(pool_broken(text)));
  }
  fail_queue(text);
}

void pool_core::count_state() noexcept {
  counted_.processes.store(static_cast<unsigned>(workers_.size()), std::memory_order_relaxed);
  const auto busy = [](const auto& worker) { return worker->has_work(); };
  counted_.busy.store(static_cast<unsigned>(std::ranges::count_if(workers_, busy)), std::memory_order_relaxed);
}

}  // namespace fanout::detail
