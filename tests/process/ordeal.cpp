// SPDX-License-Identifier: Apache-2.0
#include "ordeal.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "fanout/errors.hpp"
#include "support.hpp"
#include "tasks.hpp"

namespace fanout_test {

namespace {

constexpr std::size_t most_tasks = 200'000;
constexpr std::size_t pids_remembered = 4096;

/// What a task is given.
struct burden {
  std::string counters;
  std::size_t index = 0;
  unsigned microseconds = 0;
  std::vector<unsigned char> ballast = {};  // some lie in slabs
};

constexpr std::size_t heavy = 300'000;

unsigned char ballast_of(std::size_t index) { return static_cast<unsigned char>(index * 7); }

/// Which processes are workers that have run something: killing those that only start is another kind of fault.
std::size_t slot_of(pid_t pid) { return most_tasks + static_cast<std::size_t>(pid) % pids_remembered; }

std::size_t bear(const burden& b) {
  if (thread_local bool known = false; !std::exchange(known, true)) tally::count(b.counters, slot_of(::getpid()));
  tally::count(b.counters, b.index);
  const auto is_right = [&](unsigned char each) { return each == ballast_of(b.index); };
  if (!std::ranges::all_of(b.ballast, is_right)) throw std::runtime_error("its ballast is another's");
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(b.microseconds);
  while (std::chrono::steady_clock::now() < end) {
  }
  return b.index;
}

/// Kills, until it has killed enough or is told to stop.
class killer {
 public:
  killer(const ordeal_plan& plan, fanout::process_pool& pool, const tally& counters, unsigned seed)
      : plan_(plan), pool_(pool), counters_(counters), random_(seed), thread_([this](std::stop_token stop) {
          while (!stop.stop_requested() && !has_done()) {
            std::this_thread::sleep_for(plan_.between_kills);
            strike();
          }
        }) {}

  unsigned workers() const noexcept { return workers_.load(); }
  unsigned nannies() const noexcept { return nannies_.load(); }
  bool has_done() const noexcept { return workers() + nannies() >= plan_.kills; }
  /// In the copy of a program there is no other nanny to come.
  bool has_broken_the_pool() const noexcept { return plan_.start == fanout::start_method::fork && nannies() != 0; }

 private:
  void strike() {
    const auto nannies = children_of("self");
    if (nannies.empty()) return;
    const pid_t nanny = nannies.back();
    std::vector<pid_t> victims = workers_of(nanny);
    std::erase_if(victims, [this](pid_t pid) { return counters_[slot_of(pid)] == 0; });
    if (victims.empty()) return;
    if (random_() % 100 < plan_.nannies_in_100) return strike_nanny(nanny);
    if (::kill(victims[random_() % victims.size()], SIGKILL) == 0) ++workers_;
  }

  /// Not twice before a worker came to be ready: nannies that die at once, three in a row, break the pool.
  void strike_nanny(pid_t nanny) {
    const auto started = pool_.stats().started;
    if (std::exchange(started_before_, started) == started) return;
    if (::kill(nanny, SIGKILL) == 0) ++nannies_;
  }

  const ordeal_plan& plan_;
  fanout::process_pool& pool_;
  const tally& counters_;
  std::minstd_rand random_;
  std::uint64_t started_before_ = 0;
  std::atomic<unsigned> workers_ = 0, nannies_ = 0;
  std::jthread thread_;  // last: it uses all of the above
};

class ordeal {
 public:
  explicit ordeal(const ordeal_plan& plan) : plan_(plan), random_(plan.seed) {}

  ordeal_account go_through() {
    fanout::process_pool_options options;
    options.workers = plan_.workers;
    options.start = plan_.start;
    options.retries = plan_.retries;
    fanout::process_pool pool(options);
    {
      const killer at_work(plan_, pool, counters_, random_());
      while (!at_work.has_done() && !at_work.has_broken_the_pool() && account_.submitted + 2 * batch <= most_tasks)
        run_batch(pool);
      run_batch(pool);
      account_.workers_killed = at_work.workers();
      account_.nannies_killed = at_work.nannies();
    }
    settle(pool);
    return std::move(account_);
  }

 private:
  static constexpr std::size_t batch = 150;
  static constexpr std::size_t of_a_map = 50;

  burden next() {
    const std::size_t index = account_.submitted++;
    burden made{counters_.path(), index, static_cast<unsigned>(random_() % 400)};
    if (random_() % 16 == 0) made.ballast.assign(heavy + random_() % heavy, ballast_of(index));
    return made;
  }

  void run_batch(fanout::process_pool& pool) {
    std::vector<std::pair<std::size_t, fanout::future<std::size_t>>> tasks;
    while (tasks.size() < (batch - of_a_map) / 2) submit(pool, tasks);
    const std::size_t first_of_map = account_.submitted;
    std::vector<burden> burdens;
    while (burdens.size() < of_a_map) burdens.push_back(next());
    auto map = pool.map(bear, burdens, {.chunk = random_() % 3 * 10});
    while (tasks.size() < batch - of_a_map) submit(pool, tasks);
    for (auto& [index, task] : tasks) {
      note(index, [&] { return task.get(); });
    }
    std::size_t index = first_of_map;
    for (auto&& outcome : map.results()) {
      note(index++, [&] { return outcome.has_value() ? *outcome : (std::rethrow_exception(outcome.error()), 0U); });
    }
    if (index != first_of_map + of_a_map) say(first_of_map, "the map lost items");
  }

  template <class Tasks>
  void submit(fanout::process_pool& pool, Tasks& tasks) {
    const burden b = next();
    auto& [index, task] = tasks.emplace_back(b.index, pool.submit(bear, b));
    if (index % 50 == 7) was_cancelled_[index] = task.cancel();
  }

  void say(std::size_t task, const std::string& what) {
    account_.wrong.push_back("task " + std::to_string(task) + ": " + what);
  }

  template <class Get>
  void note(std::size_t task, Get&& get) {
    try {
      if (get() != task) say(task, "its result is wrong");
      ++account_.succeeded;
      ended_well_[task] = true;
    } catch (const fanout::worker_died& error) {
      if (error.signal() != SIGKILL) say(task, error.what());
      ++account_.died;
    } catch (const fanout::cancelled&) {
      if (!was_cancelled_[task]) say(task, "it was cancelled by nobody");
      ++account_.cancelled;
    } catch (const fanout::pool_broken& error) {
      if (plan_.start != fanout::start_method::fork || plan_.nannies_in_100 == 0) say(task, error.what());
      ++account_.broken;
    } catch (const std::exception& error) {
      say(task, std::string("it failed: ") + error.what());
    }
  }

  void settle(fanout::process_pool& pool) {
    const std::size_t accounted = account_.succeeded + account_.died + account_.cancelled + account_.broken;
    if (accounted != account_.submitted)
      say(accounted, "only so many of " + std::to_string(account_.submitted) + " are accounted for");
    for (std::size_t task = 0; task < account_.submitted; ++task) settle(task);
    if (account_.died > account_.workers_killed + account_.nannies_killed * plan_.workers)
      say(account_.died, "more died than were killed");
    if (account_.broken == 0) {
      if (const auto works = still_works(pool); !works)
        say(account_.submitted, std::string("the pool is of no use: ") + works.message());
    }
  }

  void settle(std::size_t task) {
    const unsigned runs = counters_[task];
    if (runs > 1) account_.run_again += runs - 1;
    if (runs > plan_.retries + 1) say(task, "it was run " + std::to_string(runs) + " times");
    if (ended_well_[task] && runs == 0) say(task, "it has a result, but was never run");
    if (was_cancelled_[task] && runs > plan_.retries) say(task, "it was cancelled, and run");
  }

  const ordeal_plan& plan_;
  std::minstd_rand random_;
  const tally counters_{most_tasks + pids_remembered};
  std::vector<bool> ended_well_ = std::vector<bool>(most_tasks + batch);
  std::vector<bool> was_cancelled_ = std::vector<bool>(most_tasks + batch);
  ordeal_account account_;
};

}  // namespace

void ordeal_account::add(const ordeal_account& other) {
  submitted += other.submitted;
  succeeded += other.succeeded;
  died += other.died;
  cancelled += other.cancelled;
  broken += other.broken;
  workers_killed += other.workers_killed;
  nannies_killed += other.nannies_killed;
  run_again += other.run_again;
  wrong.insert(wrong.end(), other.wrong.begin(), other.wrong.end());
}

std::ostream& operator<<(std::ostream& out, const ordeal_account& a) {
  out << a.submitted << " tasks: " << a.succeeded << " succeeded, " << a.died << " died, " << a.cancelled
      << " cancelled, " << a.broken << " in a broken pool; " << a.run_again << " runs were repeats; "
      << a.workers_killed << " workers and " << a.nannies_killed << " nannies killed";
  for (const auto& what : a.wrong) out << "\n  WRONG: " << what;
  return out;
}

ordeal_account go_through(const ordeal_plan& plan) { return ordeal(plan).go_through(); }

}  // namespace fanout_test
