// SPDX-License-Identifier: Apache-2.0
// What goes through the rings between a program and its workers, at its edges: T12, T26, T27, T30.
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/task.hpp"
#include "process/worker_memory.hpp"
#include "sending.hpp"
#include "support.hpp"
#include "support/sanitized.hpp"
#include "tasks.hpp"

namespace {

using fanout::process_pool;
using fanout::detail::ring_bytes;
using fanout_test::event_file;
using fanout_test::square;

using bytes = std::vector<unsigned char>;

class ProcessPoolTransport : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolTransport);

bytes pattern(std::size_t size) {
  bytes made(size);
  for (std::size_t i = 0; i < size; ++i) made[i] = static_cast<unsigned char>(i * 31 >> 3);
  return made;
}
bytes same(const bytes& b) { return b; }

TEST_P(ProcessPoolTransport, TakesWhatIsAboutAsLargeAsARing) {  // T26
  process_pool pool(options(1));
  for (std::size_t size = ring_bytes - 160; size <= ring_bytes + 8; size += 4) {
    const bytes sent = pattern(size);
    ASSERT_EQ(pool.submit(same, sent).get(), sent) << size;
  }
  for (const std::size_t size : {ring_bytes / 2 - 1, ring_bytes / 2, 2 * ring_bytes, 2 * ring_bytes + 1}) {
    const bytes sent = pattern(size);
    ASSERT_EQ(pool.submit(same, sent).get(), sent) << size;
  }
}

TEST_P(ProcessPoolTransport, TakesMoreThanARingBothWaysAtTheSameTime) {  // T26
  process_pool pool(options(1));
  const std::vector<bytes> inputs(30, pattern(ring_bytes / 3));
  for (const std::size_t chunk : {1, 7, 30}) {
    const auto results = pool.map(same, inputs, {.chunk = chunk}).get();
    EXPECT_EQ(results, inputs);
  }
}

std::size_t resident() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0, pages = 0;
  statm >> size >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST_P(ProcessPoolTransport, KeepsNothingOfWhatWasLarge) {  // T26
  if (fanout_test::sanitized) GTEST_SKIP() << "a sanitizer keeps freed memory";
  constexpr std::size_t large = std::size_t{64} << 20;
  process_pool pool(options(1));
  const std::size_t before = resident();
  const std::size_t before_there = pool.submit(resident).get();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(pool.submit(same, bytes(large)).get().size(), large);
  EXPECT_TRUE(fanout_test::eventually([&] { return resident() < before + large / 2; }));
  EXPECT_LT(pool.submit(resident).get(), before_there + large / 2);
}

/// Meanwhile this process gets no slabs, since they count as files: what is large goes through the rings.
class without_slabs {
 public:
  without_slabs() {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit none{0, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &none);
  }
  without_slabs(const without_slabs&) = delete;
  without_slabs& operator=(const without_slabs&) = delete;
  ~without_slabs() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

std::atomic<bool> some_of_it_arrived = false;

/// A result that says when it is encoded, and notices when it is decoded in the program.
struct heavy {
  bytes content;
  std::string encoded;
  template <class Archive>
  void save(Archive& archive) const {
    {
      const without_slabs here;
      archive(content, encoded);
    }
    event_file::set(encoded);
  }
  template <class Archive>
  void load(Archive& archive) {
    some_of_it_arrived = true;
    archive(content, encoded);
  }
};

TEST_P(ProcessPoolTransport, OfHalfAResultIsNone) {  // T27
  process_pool pool(options(1));
  const pid_t worker = pool.submit(fanout_test::own_pid).get();
  const event_file begun, let_go, encoded;
  auto cut_short = pool.submit(
      [](const std::string& b, const std::string& l, const std::string& e) {
        fanout_test::begin_and_wait(b, l);
        return heavy{pattern(std::size_t{64} << 20), e};
      },
      begun.path(), let_go.path(), encoded.path());
  ASSERT_TRUE(begun.wait());
  fanout_test::kill_when_it_has_sent(worker, let_go, encoded);  // no more than fits the ring
  EXPECT_THROW(static_cast<void>(cut_short.get()), fanout::worker_died);
  EXPECT_FALSE(some_of_it_arrived);
  EXPECT_TRUE(fanout_test::still_works(pool));
}

TEST_P(ProcessPoolTransport, OfHalfAnArgumentIsNone) {  // T27
  process_pool pool(options(1));
  const pid_t worker = pool.submit(fanout_test::own_pid).get();
  ::kill(worker, SIGSTOP);  // it takes nothing out of its ring
  const fanout_test::tally runs(1);
  const auto send = [&] {
    const without_slabs here;
    return pool.submit(
        [](const std::string& counters, const bytes& b) {
          fanout_test::tally::count(counters, 0);
          return b.size();
        },
        runs.path(), bytes(std::size_t{16} << 20));
  };
  auto sent = send();
  EXPECT_TRUE(fanout_test::eventually([&] { return pool.stats().queued == 0; })) << "a ring full of it is on its way";
  ::kill(worker, SIGKILL);
  EXPECT_EQ(sent.get(), std::size_t{16} << 20) << "it had not begun: another worker runs it";
  EXPECT_EQ(runs[0], 1U);
}

TEST_P(ProcessPoolTransport, SurvivesAWorkerThatOverwritesIt) {
  process_pool pool(options(1));
  // The rings are the only shared memory that a worker has mapped for writing.
  const auto overwrite = [] {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      if (line.find("/memfd:fanout-worker") == std::string::npos) continue;
      std::uintptr_t begin = 0, end = 0;
      if (std::sscanf(line.c_str(), "%lx-%lx", &begin, &end) != 2) continue;
      for (; begin != end; begin += sizeof(std::uint64_t))
        *reinterpret_cast<volatile std::uint64_t*>(begin) = 0x5a5a5a5a5a5a5a5aU;
    }
  };
  for (int i = 0; i < 5; ++i) {
    EXPECT_THROW(pool.submit(overwrite).get(), fanout::worker_died);
    EXPECT_TRUE(fanout_test::still_works(pool));
  }
}

/// Goes wrong when the program decodes it.
struct unreadable {
  template <class Archive>
  void save(Archive& archive) const {
    archive(1);
  }
  template <class Archive>
  void load(Archive& archive) {
    int one = 0;
    archive(one);
    if (!fanout::is_worker_process()) throw std::runtime_error("cannot read it");
  }
};

TEST_P(ProcessPoolTransport, OfAResultThatALoopCannotDecodeFailsThatTask) {  // T12
  process_pool pool(options(1));
  const auto main = [&]() -> fanout::task<int> {
    int failed = 0;
    for (int i = 0; i < 50; ++i) {
      try {
        static_cast<void>(co_await pool.submit([] { return unreadable(); }));
      } catch (const fanout::serialization_error&) {
        ++failed;
      }
      EXPECT_EQ(co_await pool.submit(square, i), square(i));
    }
    co_return failed;
  };
  EXPECT_EQ(fanout::run(main()), 50);
}

TEST_P(ProcessPoolTransport, IsSharedByManyThreads) {  // T30
  constexpr int tasks = fanout_test::sanitized ? 1000 : 20'000;
  process_pool pool(options(2));
  std::vector<std::jthread> threads;
  std::atomic<int> right = 0, cancelled = 0, wrong = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int done = 0; done < tasks;) {
        std::vector<fanout::future<int>> futures;
        for (; done < tasks && futures.size() < 100; ++done) futures.push_back(pool.submit(square, done));
        const int first = done - static_cast<int>(futures.size());
        std::vector<bool> stopped;
        for (std::size_t i = 0; i < futures.size(); ++i) stopped.push_back(i % 7 == 3 && futures[i].cancel());
        if (t % 2 == 0) futures.front().wait();
        for (int i = 0; i < static_cast<int>(futures.size()); ++i) {
          const auto at = static_cast<std::size_t>(i);
          try {
            (futures[at].get() == square(first + i) && !stopped[at] ? right : wrong) += 1;
          } catch (const fanout::cancelled&) {
            (stopped[at] ? cancelled : wrong) += 1;
          }
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(right + cancelled, 8 * tasks);
}

}  // namespace
