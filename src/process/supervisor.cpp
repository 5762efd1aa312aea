// SPDX-License-Identifier: Apache-2.0
// What the supervisor does: turns, one after another, by whoever takes them.
//
// other threads: put work into a pool's inbox        workers: answer        nanny: reports ends
//                              └──────────────────────┬───────────────────────┘
//                      a turn: handlers ──▶ every worker's answers ──▶ every pool's advance()
#include "supervisor.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <exception>

#include "counters.hpp"
#include "own_process.hpp"
#include "signals.hpp"
#include "welcome.hpp"
#include "worker_link.hpp"
#include "worker_main.hpp"

namespace fanout::detail {

namespace {

using namespace std::chrono_literals;

std::atomic<duration> the_start_timeout = duration(10s);  // alone: nothing else is published by it
std::atomic<void (*)()> the_fault = nullptr;              // alone

}  // namespace

duration supervisor::start_timeout() noexcept { return the_start_timeout.load(std::memory_order_relaxed); }
void supervisor::set_start_timeout(duration time) noexcept { the_start_timeout.store(time, std::memory_order_relaxed); }
void supervisor::fail_next_turn_by(void (*fault)()) noexcept { the_fault.store(fault, std::memory_order_relaxed); }

std::shared_ptr<supervisor> supervisor::get() {
  static auto* const mutex = new std::mutex;  // never destroyed: pools may be made in static destructors
  static auto* const current = new std::weak_ptr<supervisor>;
  const std::lock_guard lock(*mutex);
  auto found = current->lock();
  if (!found || !found->is_of_this_process()) *current = found = std::make_shared<supervisor>();
  return found;
}

bool supervisor::is_of_this_process() const noexcept { return process_ == own_pid(); }

supervisor::supervisor()
    : process_(own_pid()),
      cpus_(std::thread::hardware_concurrency()),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      doorbell_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      alarm_(make_timer()),
      thread_bell_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      watch_(make_timer()),
      program_page_(make_shared_memory("fanout-program", whole_pages(sizeof(program_page)))),
      program_page_memory_(map_shared(program_page_, sizeof(program_page), true)),
      leader_bell_(make_shared_memory("fanout-bell", whole_pages(sizeof(leader_bell)))),
      leader_bell_memory_(map_shared(leader_bell_, sizeof(leader_bell), true)) {
  forbid_further_writing(program_page_);
  watch(alarm_.get(), EPOLLIN, *this);
  const all_signals_blocked for_the_new_thread;
  thread_ = std::thread([this] { run(); });
  ::pthread_setname_np(thread_.native_handle(), "fanout-sup");
}

supervisor::~supervisor() {
  if (const auto dismissed = take_attendant()) dismissed->dismiss();
  stopping_.store(true, std::memory_order_release);
  wake_thread();
  thread_.join();
  while (!nannies_.empty()) dismiss(*nannies_.back());
  reap(true);
}

void supervisor::add(supervised& pool) {
  {
    const std::lock_guard lock(arriving_mutex_);
    arriving_.push_back(&pool);
  }
  notify();
}

/// The alarm: what it is for is done in every turn.
void supervisor::on_event(std::uint32_t) {
  clear(alarm_);
  alarm_at_ = time_point::max();
}

void supervisor::watch(int fd, std::uint32_t events, event_handler& handler) {
  epoll_event event{.events = events, .data = {.ptr = &handler}};
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}
void supervisor::rewatch(int fd, std::uint32_t events, event_handler& handler) {
  epoll_event event{.events = events, .data = {.ptr = &handler}};
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event), "epoll_ctl");
}
void supervisor::unwatch(int fd) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

// --- a turn

std::uintptr_t supervisor::this_thread_id() noexcept { return static_cast<std::uintptr_t>(::pthread_self()); }

program_page& supervisor::page() const noexcept {
  return *reinterpret_cast<program_page*>(program_page_memory_.data());
}

bool supervisor::take_turn(bool with_events) noexcept {
  const std::lock_guard lock(turning_);
  begin_turn();
  try {
    turn(with_events);
  } catch (const std::exception& error) {
    // Nothing that a task or its data does gets here; lack of memory may. No future may be left waiting for it.
    abandon_pools(error.what());
    rung_.store(true, std::memory_order_seq_cst);  // what it did not get to is for another turn, at once
  }
  return end_turn();
}

void supervisor::abandon_pools(const char* why) noexcept {
  for (auto* const pool : pools_) pool->abandon(why);
}

void supervisor::begin_turn() noexcept {
  turning_thread_.store(this_thread_id(), std::memory_order_relaxed);
  now_ = std::chrono::steady_clock::now();
  rung_.exchange(false, std::memory_order_seq_cst);
  auto& sleeps = page().sleeps;
  const auto number = sleeps.load(std::memory_order_relaxed);
  constexpr std::uint64_t flags = program_page::asleep | program_page::by_word;
  if ((number & program_page::asleep) != 0) sleeps.store((number | flags) + 1, std::memory_order_seq_cst);
}

/// From here on workers ring, if anybody watches. What they did just before, without ringing, is seen here, and is for
/// another turn at once. True: one is due.
bool supervisor::end_turn() noexcept {
  buried_.clear();
  gone_nannies_.clear();
  set_alarm();
  note_who_works();
  turning_thread_.store(0, std::memory_order_relaxed);
  const auto by = watched_by_.load(std::memory_order_seq_cst);
  if (by == watcher::nobody) return rung_.load(std::memory_order_seq_cst);
  auto& sleeps = page().sleeps;
  const std::uint64_t flags = program_page::asleep | (by == watcher::leader ? program_page::by_word : 0);
  sleeps.store(sleeps.load(std::memory_order_relaxed) | flags, std::memory_order_seq_cst);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return rung_.load(std::memory_order_seq_cst) || workers_have_news();
}

void supervisor::note_who_works() noexcept {
  const auto here = static_cast<unsigned>(::sched_getcpu());
  std::size_t at_work = 0, elsewhere = 0;
  for (const auto& [number, worker] : workers_) {
    if (!worker->has_work()) continue;
    ++at_work;
    if (worker->cpu() != here) ++elsewhere;
  }
  in_flight_.store(at_work != 0, std::memory_order_relaxed);
  looking_disturbs_nobody_.store(at_work == elsewhere && at_work < cpus_, std::memory_order_relaxed);
}

bool supervisor::workers_have_news() noexcept {
  return std::ranges::any_of(workers_, [](const auto& each) { return each.second->has_news(); });
}

void supervisor::turn(bool with_events) {
  if (auto* const fault = the_fault.exchange(nullptr, std::memory_order_relaxed)) fault();
  if (with_events) {
    std::array<epoll_event, 64> events;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      static_cast<event_handler*>(event.data.ptr)->on_event(event.events);
    }
  }
  {
    const std::lock_guard lock(arriving_mutex_);
    pools_.insert(pools_.end(), arriving_.begin(), arriving_.end());
    arriving_.clear();
  }
  if (!unreaped_.empty()) reap(false);
  for (const auto& [number, worker] : workers_) worker->look();
  for (auto* const pool : pools_) {
    if (pool->deadline() <= now_) pool->on_deadline(now_);
  }
  for (std::size_t i = 0; i < pools_.size();) {
    if (pools_[i]->advance()) {
      ++i;
    } else {
      pools_.erase(pools_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

void supervisor::set_alarm() noexcept {
  auto next = time_point::max();
  for (const auto* const pool : pools_) next = std::min(next, pool->deadline());
  if (!unreaped_.empty()) next = now_ + 1ms;  // a nanny is just dying
  if (next == alarm_at_) return;
  alarm_at_ = next;
  set_timer(alarm_, next == time_point::max() ? duration::zero() : std::max(next - now_, duration(1)));
}

nanny_link& supervisor::watch_nanny(nanny_process nanny, const nanny_program& program) {
  const pid_t pid = nanny.pid;
  try {
    nanny_listener& self = *this;
    auto made = std::make_unique<nanny_link>(std::move(nanny), program, self);
    watch(made->fd(), EPOLLIN, *made);
    return *nannies_.emplace_back(std::move(made));
  } catch (...) {
    unreaped_.push_back(pid);  // without its socket it ends
    throw;
  }
}

nanny_link& supervisor::nanny_for(const nanny_program& program) {
  const auto found = std::ranges::find(nannies_, program, [](const auto& nanny) { return nanny->program(); });
  return found != nannies_.end() ? **found : watch_nanny(spawn_nanny(program), program);
}

nanny_link& supervisor::adopt(nanny_process nanny) { return watch_nanny(std::move(nanny), {}); }

std::unique_ptr<nanny_link> supervisor::take(nanny_link& nanny) {
  const auto found = std::ranges::find(nannies_, &nanny, [](const auto& n) { return n.get(); });
  if (found == nannies_.end()) return nullptr;
  auto taken = std::move(*found);
  nannies_.erase(found);
  unwatch(nanny.fd());
  unreaped_.push_back(nanny.pid());
  return taken;
}

void supervisor::dismiss(nanny_link& nanny) {
  if (nanny.may_never_be_ready()) nanny.kill();
  ::shutdown(nanny.fd(),
             SHUT_WR);  // at the end of its socket it ends; to close it is not that, if a fork of ours has it
  take(nanny);
}

bool supervisor::is_reaped(pid_t nanny) const { return std::ranges::find(unreaped_, nanny) == unreaped_.end(); }

void supervisor::flush_nanny(nanny_link& nanny) {
  if (std::ranges::find(nannies_, &nanny, [](const auto& n) { return n.get(); }) == nannies_.end()) return;  // gone
  rewatch(nanny.fd(), nanny.flush() ? EPOLLIN : EPOLLIN | EPOLLOUT, nanny);
}

descriptor supervisor::welcome_worker(const descriptor& socket) {
  descriptor memory = worker_memory::make();
  send_welcome(socket, {.version = protocol_version, .depth = depth_of_this_process() + 1}, memory,
               {.page = program_page_, .leader_bell = leader_bell_, .doorbell = doorbell_});
  return memory;
}

void supervisor::add_worker(worker_link& worker) { workers_.emplace(worker.number(), &worker); }
void supervisor::remove_worker(worker_link& worker) { workers_.erase(worker.number()); }
void supervisor::bury(std::unique_ptr<worker_link> worker) { buried_.push_back(std::move(worker)); }

void supervisor::on_nanny_report(const nanny_report& news) {
  const auto found = workers_.find(news.worker);
  if (found == workers_.end()) return;
  worker_link& worker = *found->second;
  if (news.news == nanny_news::started) {
    worker.on_started(news.pid);
  } else if (news.news == nanny_news::ended) {
    worker.on_ended({.status = news.status});
  } else if (news.news == nanny_news::not_started) {
    worker.on_not_started(news.status);
  }
}

void supervisor::on_nanny_gone(nanny_link& nanny, std::string why) {
  auto gone = take(nanny);
  if (!gone) return;
  nanny.kill();  // in case it only closed its socket: without that it is of no use
  if (!nanny.ready() && why.empty()) {
    int status = 0;  // it is dying: this takes no time
    if (::waitpid(nanny.pid(), &status, 0) == nanny.pid()) why = "it " + describe_end(status) + " before it was ready";
    std::erase(unreaped_, nanny.pid());
  }
  const worker_end end{.status = SIGKILL, .with_nanny = true, .start_failure = std::move(why)};
  for (auto* const pool : pools_) pool->on_nanny_gone(nanny, end);
  gone_nannies_.push_back(std::move(gone));
}

void supervisor::reap(bool wait) noexcept {
  std::erase_if(unreaped_, [&](pid_t pid) {
    pid_t got;
    do {
      got = ::waitpid(pid, nullptr, wait ? 0 : WNOHANG);
    } while (got < 0 && errno == EINTR);
    return got != 0;  // reaped, or no longer ours: the program may wait for any child
  });
}

}  // namespace fanout::detail
