// SPDX-License-Identifier: Apache-2.0
// process_pool's constructors and destructor.
#include "fanout/process_pool.hpp"

#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "fanout/errors.hpp"
#include "pool_core.hpp"
#include "pull_threads.hpp"
#include "wire.hpp"
#include "worker_entry.hpp"
#include "worker_main.hpp"

namespace fanout {

namespace {

constexpr unsigned deepest = 4;  // pools within pools

/// The words travel in one request each time a worker is started.
void check_length(const std::vector<std::string>& command) {
  std::size_t bytes = 0;
  for (const std::string& word : command) bytes += word.size() + 1;
  constexpr std::size_t most = detail::largest_nanny_request - sizeof(detail::nanny_request);
  if (bytes > most)
    throw error("process_pool_options::worker_command has " + std::to_string(bytes) + " bytes, of which there may be " +
                std::to_string(most) + ": give the program the name of a file that holds what is long");
}

detail::pool_plan plan_of(process_pool_options options) {
  if (options.workers == 0) throw error("a fanout::process_pool needs at least 1 worker, not 0");
  detail::check_may_have_pools();
  if (const unsigned depth = detail::depth_of_this_process(); depth >= deepest)
    throw error("a task of a fanout::process_pool made a pool, and so on, " + std::to_string(depth) +
                " deep: that is the limit, since the number of processes multiplies by each");
  detail::pool_plan plan;
  plan.workers = options.workers;
  check_length(options.worker_command);
  plan.exec = options.start == start_method::spawn;
  plan.command = std::move(options.worker_command);
  plan.max_tasks_per_worker = options.max_tasks_per_worker;
  plan.task_timeout = options.task_timeout;
  plan.memory_limit = options.memory_limit;
  plan.retries = options.retries;
  if (options.initializer != nullptr)
    plan.initializer = detail::locate_code(reinterpret_cast<const void*>(options.initializer));
  plan.recycle_above = options.recycle_above;
  plan.idle_timeout = options.idle_timeout;
  const bool foreign = !plan.command.empty();
  if (foreign && options.start == start_method::fork)
    throw error(
        "start_method::fork makes workers of this program, but process_pool_options::worker_command names another: "
        "use start_method::forkserver, which forks workers from one process of that");
  if (options.start == start_method::forkserver)
    plan.nanny = foreign ? detail::nanny_program{plan.command.front(), plan.command, true} : detail::own_nanny();
  if (options.start == start_method::spawn) plan.nanny = foreign ? detail::nanny_for_others() : detail::own_nanny();
  plan.nanny.threads_per_worker = std::max(1U, default_workers() / options.workers);
  return plan;
}

process_pool_options only_workers(unsigned workers) {
  process_pool_options options;
  options.workers = workers;
  return options;
}

}  // namespace

process_pool::process_pool(unsigned workers) : process_pool(only_workers(workers)) {}

process_pool::process_pool(process_pool_options options)
    : workers_(options.workers),
      core_(std::make_shared<detail::pool_core>(plan_of(std::move(options)))),
      pulls_(std::make_unique<detail::pull_threads>()) {
  core_->open();
}

process_pool::~process_pool() {
  pulls_->close();
  core_->close(shutdown_mode::drain, time_point::max());
}

bool process_pool::shutdown(shutdown_mode mode, duration deadline) {
  const time_point until = detail::after(deadline);
  if (mode != shutdown_mode::drain) {
    pulls_->hurry();
    return core_->close(mode, until);
  }
  const bool pulls_ended = pulls_->wind_up(until);  // what they have pulled is to be run, too
  return core_->close(mode, until) && pulls_ended;
}

pool_stats process_pool::stats() const noexcept { return core_->stats(); }

}  // namespace fanout
