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

#include "fanout/detail/blocking.hpp"
#include "fanout/detail/this_thread.hpp"
#include "fanout/errors.hpp"

namespace fanout::detail {

namespace {

using namespace std::chrono_literals;

constexpr unsigned most_failed_starts = 3;
constexpr duration time_to_leave = 5s;        // for a worker to flush, and run its destructors
constexpr duration work_per_chunk = 500us;    // enough to make the hand-over cheap
constexpr std::size_t chunks_per_worker = 4;  // of what is left, so that all workers end at about the same time

}  // namespace

void enqueue(pool_core& pool, remote_work& work, std::size_t count, std::size_t chunk) {
  pool.enqueue(work, count, chunk);
}

void kill_running(pool_core& pool, remote_work& work) noexcept { pool.kill_running(work); }

// --- any thread

pool_core::pool_core(pool_plan plan) : plan_(std::move(plan)), process_(::getpid()) {}

bool pool_core::is_of_this_process() const noexcept { return process_ == ::getpid(); }

void pool_core::open() {
  if (plan_.nanny.file.empty()) {  // before the supervisor's thread, and everybody else's
    forked_nanny_ = fork_nanny();
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

void pool_core::close() {
  if (!is_of_this_process()) {  // a fork of the program has neither the thread nor the workers, and ends nothing
    new std::shared_ptr(std::move(boss_));
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  boss_->notify();
  wait_for(closed_, no_scheduler);
  boss_.reset();
}

void pool_core::enqueue(remote_work& work, std::size_t count, std::size_t chunk) {
  if (count == 0) return work.drop();
  work.pace().chunk = chunk;
  try {
    if (!is_of_this_process())
      throw error("this fanout::process_pool belongs to the process that made it, not to forks of that: make another");
    const std::lock_guard lock(mutex_);
    incoming_.push_back({&work, 0, count});
  } catch (...) {
    work.drop();
    throw;
  }
  if (scheduler* const here = current_scheduler()) boss_->offer_to(*here);
  boss_->notify();
}

void pool_core::kill_running(remote_work& work) noexcept {
  const std::lock_guard lock(mutex_);
  if (closing_) return;  // by then it may have ended, and the supervisor too
  work.retain();
  to_kill_.push_back(&work);
  boss_->notify();
}

// --- turns of the supervisor

bool pool_core::advance() {
  if (forked_nanny_.pid != 0) own_nanny_ = &boss_->adopt(std::exchange(forked_nanny_, {}));
  empty_inbox();
  if (!leaving_) start_missing_workers();
  dispatch();
  if (draining_ && nothing_to_do()) release_workers();
  if (!leaving_ || !workers_.empty() || !nanny_ended()) return true;
  closed_.finish();  // from here on this may be gone
  return false;
}

void pool_core::empty_inbox() {
  std::vector<item_range> arrived;
  std::vector<remote_work*> doomed;
  {
    const std::lock_guard lock(mutex_);
    arrived.swap(incoming_);
    doomed.swap(to_kill_);
    draining_ = closing_;
  }
  queue_.insert(queue_.end(), arrived.begin(), arrived.end());
  for (auto* const work : doomed) {
    const auto found = std::ranges::find(workers_, work, [](const auto& worker) { return worker->running(); });
    if (found != workers_.end()) (*found)->cancel_by_kill();
    work->drop();
  }
}

void pool_core::start_missing_workers() {
  while (given_up_.empty() && workers_.size() < plan_.workers && !(draining_ && nothing_to_do())) {
    try {
      start_worker();
    } catch (const std::exception& error) {
      count_start_failure(error.what());
    }
  }
}

bool pool_core::nanny_ended() {
  if (own_nanny_ != nullptr) boss_->dismiss(*std::exchange(own_nanny_, nullptr));
  return own_nanny_pid_ == 0 || boss_->is_reaped(own_nanny_pid_);
}

void pool_core::start_worker() {
  nanny_link& nanny = own_nanny_ != nullptr ? *own_nanny_ : boss_->nanny_for(plan_.nanny);
  auto [ours, theirs] = make_socket_pair(SOCK_STREAM);
  const auto number = boss_->new_number();
  worker_owner& self = *this;
  workers_.push_back(std::make_unique<worker_link>(number, *boss_, self, nanny, std::move(ours),
                                                   std::chrono::steady_clock::now() + supervisor::start_timeout()));
  nanny.start_worker(number, plan_.exec, plan_.command, std::move(theirs));
  boss_->flush_nanny(nanny);
}

void pool_core::count_start_failure(const std::string& why) {
  if (++failed_starts_ < most_failed_starts || !given_up_.empty()) return;
  const std::string program = plan_.command.empty() ? "of this program" : plan_.command.front();
  given_up_ = "the workers (" + program + ") cannot be started; given up after " + std::to_string(failed_starts_) +
              " attempts, the last of which: " + why;
}

std::size_t pool_core::chunk_for(const item_range& range) const {
  const auto& pace = range.work->pace();
  std::size_t size = pace.chunk;
  if (size == 0) {
    const auto by_time = pace.item > duration::zero() ? static_cast<std::size_t>(work_per_chunk / pace.item) : 1;
    const auto by_share = range.count / (chunks_per_worker * plan_.workers);
    size = std::max<std::size_t>(1, std::min(by_time, by_share));
  }
  return std::min(size, range.count);
}

void pool_core::dispatch() {
  while (!queue_.empty() && !idle_.empty()) {
    item_range& next = queue_.front();
    if (!next.work->begin()) {
      next.work->drop();
      queue_.pop_front();
      continue;
    }
    item_range part{next.work, next.first, chunk_for(next)};
    next.first += part.count;
    next.count -= part.count;
    if (next.count == 0) {
      queue_.pop_front();
    } else {
      part.work->retain();
    }
    worker_link& worker = *idle_.back();
    idle_.pop_back();
    worker.run(part);
  }
  if (!given_up_.empty() && workers_.empty()) fail_queue(given_up_);
}

void pool_core::fail_queue(const std::string& why) noexcept {
  const auto own_error = [&] {  // one for each: threads would share its object
    try {
      return std::make_exception_ptr(pool_broken(why));
    } catch (...) {
      return std::current_exception();
    }
  };
  while (!queue_.empty()) {
    const item_range range = queue_.front();
    queue_.pop_front();
    if (range.work->begin()) {
      for (std::size_t i = 0; i < range.count; ++i) range.work->failed(range.first + i, own_error());
    }
    range.work->drop();
  }
}

bool pool_core::nothing_to_do() const {
  return queue_.empty() &&
         std::ranges::none_of(workers_, [](const auto& worker) { return worker->running() != nullptr; });
}

void pool_core::release_workers() {
  if (std::exchange(leaving_, true)) return;
  idle_.clear();
  const auto deadline = std::chrono::steady_clock::now() + time_to_leave;
  std::vector<worker_link*> not_waited_for;
  for (auto& worker : workers_) {
    if (worker->now() == worker_link::state::idle) {
      worker->leave(deadline);
    } else if (worker->nanny().may_never_be_ready()) {
      not_waited_for.push_back(worker.get());
    } else {
      worker->kill();  // it is still starting
    }
  }
  // Should its nanny become one after all, such a worker finds its socket closed, and leaves.
  for (auto* const worker : not_waited_for) worker->on_ended({});
}

time_point pool_core::deadline() const {
  auto next = time_point::max();
  for (const auto& worker : workers_) next = std::min(next, worker->deadline());
  return next;
}

void pool_core::on_deadline(time_point now) {
  for (auto& worker : workers_) {
    if (worker->deadline() <= now) worker->on_deadline();
  }
}

void pool_core::on_worker_ready(worker_link& worker) {
  failed_starts_ = 0;
  const auto deadline = std::chrono::steady_clock::now() + supervisor::start_timeout();
  for (auto& other : workers_) {
    if (other->now() == worker_link::state::starting) other->be_patient(deadline);
  }
  if (leaving_) return worker.kill();
  idle_.push_back(&worker);
}

void pool_core::on_worker_idle(worker_link& worker, const item_range& finished, duration taken) {
  auto& pace = finished.work->pace();
  const auto item = std::max<duration>(taken / static_cast<std::int64_t>(finished.count), duration(1));
  pace.item = pace.item == duration::zero() ? item : (pace.item + item) / 2;
  finished.work->drop();
  idle_.push_back(&worker);
}

void pool_core::on_worker_ended(worker_link& worker, const item_range& not_begun, const std::string& start_failure) {
  std::erase(idle_, &worker);
  const auto found = std::ranges::find(workers_, &worker, [](const auto& w) { return w.get(); });
  boss_->bury(std::move(*found));
  workers_.erase(found);
  if (not_begun.work != nullptr) queue_.push_front(not_begun);
  if (start_failure.empty() || leaving_) return;
  if (nanny_failure_ == nullptr) {
    count_start_failure(start_failure);
  } else if (nanny_failure_->empty()) {
    *nanny_failure_ = start_failure;
  }
}

void pool_core::on_nanny_gone(nanny_link& nanny, const worker_end& end) {
  std::vector<worker_link*> orphans;
  for (auto& worker : workers_) {
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

void pool_core::abandon(const char* why) noexcept {
  empty_inbox();
  fail_queue(std::string("the thread that supervises the process pools failed: ") + why);
  for (auto& worker : workers_) worker->kill();
}

}  // namespace fanout::detail
