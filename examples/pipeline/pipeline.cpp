// SPDX-License-Identifier: Apache-2.0
// Jobs from a channel, four workers, CPU work on a thread pool, a limit on what is slow, a deadline for each job; and
// nothing is left running when it ends, whatever fails.
#include <fanout/fanout.hpp>

#include <chrono>
#include <cstdio>
#include <numeric>
#include <vector>

using namespace std::chrono_literals;

long checksum(std::vector<int> data) { return std::accumulate(data.begin(), data.end(), 0L); }

fanout::task<std::vector<int>> fetch(int job, fanout::semaphore& connections) {
  const auto connection = co_await connections.acquire();  // two at a time
  co_await fanout::sleep(job == 7 ? 1h : 1ms);             // one server does not answer
  co_return std::vector<int>(1000, job);
}

fanout::task<> work(fanout::channel<int>& jobs, fanout::semaphore& connections, fanout::thread_pool& pool,
                    long& total) {
  while (const auto job = co_await jobs.receive()) {
    try {
      auto data = co_await fanout::timeout(500ms, fetch(*job, connections));
      total += co_await pool.submit(checksum, std::move(data));  // elsewhere; and back on the loop's one thread
    } catch (const fanout::timed_out& late) {
      std::printf("job %d: %s\n", *job, late.what());
    }
  }
}

fanout::task<long> run_all(int count) {
  fanout::thread_pool pool;
  fanout::channel<int> jobs(8);
  fanout::semaphore connections(2);
  long total = 0;
  co_await fanout::with_task_group([&](fanout::task_group& group) -> fanout::task<> {
    for (int i = 0; i < 4; ++i) group.spawn(work(jobs, connections, pool, total));
    for (int job = 0; job < count; ++job) co_await jobs.send(job);  // waits while eight are waiting already
    jobs.close();
  });
  co_return total;
}

int main() { std::printf("total: %ld\n", fanout::run(run_all(20))); }
