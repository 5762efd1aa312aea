// SPDX-License-Identifier: Apache-2.0
// Large values, which lie in slabs: that they arrive, that slabs are used again, and what goes wrong around them.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "fanout/detail/byte_buffer.hpp"
#include "fanout/errors.hpp"
#include "process/passing.hpp"
#include "process/slab_exchange.hpp"
#include "process/worker_memory.hpp"
#include "sending.hpp"
#include "support.hpp"
#include "support/sanitized.hpp"
#include "tasks.hpp"

namespace {

using fanout::process_pool;
using fanout::worker_died;
using fanout::detail::byte_buffer;
using fanout::detail::frame;
using fanout::detail::frame_kind;
using fanout::detail::kept_by_program;
using fanout::detail::largest_kept_slab;
using fanout::detail::least_in_slab;
using fanout::detail::most_kept_slabs;
using fanout::detail::slab_part;
using fanout_test::event_file;
using fanout_test::square;

using bytes = std::vector<unsigned char>;
constexpr std::size_t mebibyte = std::size_t{1} << 20;

class ProcessPoolSlabs : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolSlabs);

bytes pattern(std::size_t size, std::size_t which = 0) {
  bytes made(size);
  for (std::size_t i = 0; i < size; ++i) made[i] = static_cast<unsigned char>((i * 31 >> 3) + 7 * which);
  return made;
}
bytes same(const bytes& b) { return b; }

/// Slabs that this process has mapped, whosever they are.
std::size_t slabs_mapped() {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find("/memfd:fanout-slab") != std::string::npos;
  return count;
}

/// Slabs that this process has open.
std::size_t slabs_open() {
  std::size_t count = 0;
  for (const auto& name : fanout_test::names_in("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink("/proc/self/fd/" + name, gone);
    count += target.string().find("/memfd:fanout-slab") != std::string::npos;
  }
  return count;
}

// --- values

/// A vector's item is its length, its count, its bytes.
constexpr std::size_t overhead = 2 * sizeof(std::uint64_t);

TEST_P(ProcessPoolSlabs, AreUsedForWhatIsLarge) {
  process_pool pool(options(1));
  const auto mapped = [](const bytes&) { return slabs_mapped(); };
  EXPECT_EQ(pool.submit(mapped, bytes(least_in_slab - overhead - 1)).get(), 0U);
  EXPECT_EQ(pool.submit(mapped, bytes(least_in_slab - overhead)).get(), 1U);
}

TEST_P(ProcessPoolSlabs, CarryValuesOfAllSizesIntact) {
  process_pool pool(options(1));
  std::vector<std::size_t> sizes = {largest_kept_slab, largest_kept_slab + mebibyte, 10'000'000, 3 * mebibyte + 1};
  if (!fanout_test::sanitized) sizes.push_back(64 * mebibyte);
  for (const std::size_t edge : {least_in_slab - overhead, least_in_slab}) {
    for (std::size_t size = edge - 1; size <= edge + 1; ++size) sizes.push_back(size);
  }
  for (const std::size_t size : sizes) {
    const bytes sent = pattern(size, size);
    ASSERT_EQ(pool.submit(same, sent).get(), sent) << size;
  }
}

/// What is encoded in many parts: the buffer grows, and moves, while it is.
TEST_P(ProcessPoolSlabs, CarryWhatGrowsPieceByPiece) {
  process_pool pool(options(1));
  std::vector<std::string> sent;
  for (std::size_t i = 0; i < 40'000; ++i) sent.push_back(std::string(i % 97, static_cast<char>('a' + i % 26)));
  const auto echo = [](const std::vector<std::string>& texts) { return texts; };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pool.submit(echo, sent).get(), sent);
}

TEST_P(ProcessPoolSlabs, CarryElementsThatAreNotAligned) {
  process_pool pool(options(1));
  std::vector<double> sent(100'000);
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = 1.0 / static_cast<double>(i + 1);
  const auto echo = [](const std::string& before, const std::vector<double>& b) { return std::pair(before, b); };
  for (const std::string before : {"", "a", "abcdefg", "abcdefgh"}) {
    EXPECT_EQ(pool.submit(echo, before, sent).get(), std::pair(before, sent));
  }
}

TEST_P(ProcessPoolSlabs, CarryLargeExceptions) {
  process_pool pool(options(1));
  const auto fail = [](const std::string& what) { throw std::runtime_error(what); };
  const std::string what(mebibyte, 'x');
  EXPECT_EQ(fanout_test::thrown_by<std::runtime_error>([&] { pool.submit(fail, what).get(); }).what(), what);
}

TEST_P(ProcessPoolSlabs, CarryItemsOfMaps) {
  process_pool pool(options(2));
  std::vector<bytes> inputs;
  for (std::size_t i = 0; i < 40; ++i) inputs.push_back(pattern(i % 4 == 0 ? 100 : 300'000 + i, i));
  for (const std::size_t chunk : {0, 1, 3, 40}) EXPECT_EQ(pool.map(same, inputs, {.chunk = chunk}).get(), inputs);
  std::size_t i = 0;
  for (auto&& result : pool.map(same, inputs, {.window = 5}).results()) EXPECT_EQ(*result, inputs[i++]);
  EXPECT_EQ(i, inputs.size());
}

bytes through_a_pool_below(const bytes& b, fanout::start_method start) {
  process_pool pool({.workers = 1, .start = start});
  return pool.submit(same, b).get();
}

TEST_P(ProcessPoolSlabs, CarryValuesThroughPoolsWithinPools) {
  auto plan = options(1);
  // The pool of a task before may leave a thread of ThreadSanitizer's behind.
  if (fanout_test::thread_sanitized && GetParam() == fanout::start_method::fork) plan.max_tasks_per_worker = 1;
  process_pool pool(plan);
  const bytes sent = pattern(2 * mebibyte);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pool.submit(through_a_pool_below, sent, GetParam()).get(), sent);
}

// --- many, and again

TEST_P(ProcessPoolSlabs, MayRunOut) {
  process_pool pool(options(2));
  const event_file begun[2], let_go;
  std::vector<fanout::future<int>> blocked;
  for (const auto& each : begun)
    blocked.push_back(pool.submit(fanout_test::begin_and_wait, each.path(), let_go.path()));
  ASSERT_TRUE(begun[0].wait() && begun[1].wait());
  std::vector<fanout::future<bytes>> results;
  for (std::size_t i = 0; i < 100; ++i) results.push_back(pool.submit(same, pattern(400'000 + i, i)));
  EXPECT_LT(slabs_open(), 50U) << "there is a bound";
  let_go.set();
  for (std::size_t i = 0; i < results.size(); ++i) EXPECT_EQ(results[i].get(), pattern(400'000 + i, i)) << i;
  for (auto& each : blocked) EXPECT_EQ(each.get(), 1);
}

TEST_P(ProcessPoolSlabs, AreUsedAgain) {
  process_pool pool(options(1));
  const auto open_there = [](const bytes& b) { return std::pair(b, std::pair(slabs_open(), slabs_mapped())); };
  for (std::size_t i = 0; i < 50; ++i) {
    const bytes sent = pattern(2 * mebibyte - i * 20'000, i);
    const auto [got, there] = pool.submit(open_there, sent).get();
    EXPECT_EQ(got, sent) << "nothing of what was there before";
    EXPECT_LE(there.first, 1U) << "its own, for results";
    EXPECT_LE(there.second, most_kept_slabs + 1);
    EXPECT_LE(slabs_open(), most_kept_slabs);
  }
}

std::size_t slab_bytes_mapped() {
  std::ifstream maps("/proc/self/maps");
  std::size_t size = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("/memfd:fanout-slab") == std::string::npos) continue;
    std::uintptr_t begin = 0, end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx", &begin, &end) == 2) size += end - begin;
  }
  return size;
}

TEST_P(ProcessPoolSlabs, OfAnIdlePoolAreFew) {
  process_pool pool(options(1));
  std::vector<fanout::future<std::size_t>> sizes;
  for (std::size_t i = 0; i < 20; ++i)
    sizes.push_back(pool.submit([](const bytes& b) { return b.size(); }, bytes(mebibyte + i)));
  for (std::size_t i = 0; i < sizes.size(); ++i) EXPECT_EQ(sizes[i].get(), mebibyte + i);
  EXPECT_TRUE(fanout_test::eventually([] { return slabs_open() <= most_kept_slabs; }));
  EXPECT_LE(slab_bytes_mapped(), kept_by_program);
}

// --- what goes wrong

/// Hangs while it is decoded in a worker, or encoded there, the first time.
struct treacherous {
  bytes content;
  std::string begun;
  bool when_read = false;

  void hang_once() const {
    if (!fanout::is_worker_process() || begun.empty() || std::filesystem::exists(begun)) return;
    fanout_test::begin_and_hang(begun);
  }
  template <class Archive>
  void save(Archive& archive) const {
    archive(begun, when_read, content);
    if (!when_read) hang_once();
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(begun, when_read, content);
    if (when_read) hang_once();
  }
};

treacherous same_treacherous(const treacherous& t) { return t; }

TEST_P(ProcessPoolSlabs, OfAWorkerThatIsKilledHarmNobody) {
  for (const bool when_read : {true, false}) {
    process_pool pool(options(2));
    const event_file begun;
    auto fatal = pool.submit(same_treacherous, treacherous{pattern(3 * mebibyte), begun.path(), when_read});
    ASSERT_TRUE(begun.wait());
    std::vector<fanout::future<bytes>> others;
    for (std::size_t i = 0; i < 10; ++i) others.push_back(pool.submit(same, pattern(mebibyte, i)));
    for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(others[i].get(), pattern(mebibyte, i));
    EXPECT_TRUE(fatal.cancel(fanout::cancel_mode::kill));
    EXPECT_THROW(static_cast<void>(fatal.get()), fanout::cancelled);
    for (std::size_t i = 5; i < 10; ++i) EXPECT_EQ(others[i].get(), pattern(mebibyte, i));
  }
}

/// Says when it has been encoded.
struct announced {
  bytes content;
  std::string encoded;
  template <class Archive>
  void save(Archive& archive) const {
    archive(content, encoded);
    event_file::set(encoded);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(content, encoded);
  }
};

TEST_P(ProcessPoolSlabs, KeepAWholeResultWhoseWorkerDies) {
  process_pool pool(options(1));
  const pid_t worker = pool.submit(fanout_test::own_pid).get();
  const event_file begun, let_go, encoded;
  auto result = pool.submit(
      [](const std::string& b, const std::string& l, const std::string& e) {
        fanout_test::begin_and_wait(b, l);
        return announced{pattern(3 * mebibyte), e};
      },
      begun.path(), let_go.path(), encoded.path());
  ASSERT_TRUE(begun.wait());
  fanout_test::kill_when_it_has_sent(worker, let_go, encoded);  // all of it
  EXPECT_EQ(result.get().content, pattern(3 * mebibyte));
  EXPECT_TRUE(fanout_test::still_works(pool));
}

TEST_P(ProcessPoolSlabs, AreReadAgainByWhoRunsATaskAgain) {
  for (const bool when_read : {true, false}) {
    auto retrying = options(1);
    retrying.retries = 1;
    process_pool pool(retrying);
    const pid_t worker = pool.submit(fanout_test::own_pid).get();
    const event_file begun;
    auto result = pool.submit(same_treacherous, treacherous{pattern(3 * mebibyte), begun.path(), when_read});
    ASSERT_TRUE(begun.wait());
    ::kill(worker, SIGKILL);
    EXPECT_EQ(result.get().content, pattern(3 * mebibyte));
  }
}

TEST_P(ProcessPoolSlabs, OfWorkersWhoseNannyIsKilledAreReadByOthers) {
  if (GetParam() == fanout::start_method::fork) GTEST_SKIP() << "there is no other nanny";
  auto retrying = options(2);
  retrying.retries = 1;
  process_pool pool(retrying);
  const pid_t nanny = pool.submit(::getppid).get();
  const event_file begun;
  auto result = pool.submit(same_treacherous, treacherous{pattern(3 * mebibyte), begun.path(), true});
  ASSERT_TRUE(begun.wait());
  std::vector<fanout::future<bytes>> others;
  for (std::size_t i = 0; i < 10; ++i) others.push_back(pool.submit(same, pattern(mebibyte, i)));
  ::kill(nanny, SIGKILL);
  EXPECT_EQ(result.get().content, pattern(3 * mebibyte));
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(others[i].get(), pattern(mebibyte, i));
}

TEST_P(ProcessPoolSlabs, MayBeFullWhenThePoolEnds) {
  for (const auto mode : {fanout::shutdown_mode::kill, fanout::shutdown_mode::cancel_pending}) {
    std::vector<fanout::future<bytes>> results;
    {
      process_pool pool(options(2));
      for (std::size_t i = 0; i < 20; ++i) results.push_back(pool.submit(same, pattern(mebibyte, i)));
      EXPECT_EQ(results.front().get(), pattern(mebibyte, 0));
      EXPECT_TRUE(pool.shutdown(mode));
    }
    for (std::size_t i = 1; i < results.size(); ++i) {
      try {
        EXPECT_EQ(results[i].get(), pattern(mebibyte, i));
      } catch (const fanout::pool_closed&) {
      } catch (const fanout::cancelled&) {
      }
    }
  }
}

TEST_P(ProcessPoolSlabs, OfATaskThatIsCancelledAreOthersThen) {
  process_pool pool(options(1));
  const event_file begun, let_go;
  auto running = pool.submit(fanout_test::begin_and_wait, begun.path(), let_go.path());
  ASSERT_TRUE(begun.wait());
  auto cancelled = pool.submit(same, pattern(mebibyte, 1));
  auto kept = pool.submit(same, pattern(mebibyte, 2));
  EXPECT_TRUE(cancelled.cancel());
  EXPECT_THROW(static_cast<void>(cancelled.get()), fanout::cancelled);
  auto later = pool.submit(same, pattern(mebibyte, 3));
  let_go.set();
  EXPECT_EQ(kept.get(), pattern(mebibyte, 2));
  EXPECT_EQ(later.get(), pattern(mebibyte, 3));
  EXPECT_EQ(running.get(), 1);
}

/// Quick, unless it is told to wait.
std::size_t size_of(const std::string& begun, const std::string& let_go, const bytes& b) {
  if (!begun.empty()) fanout_test::begin_and_wait(begun, let_go);
  return b.size();
}

TEST_P(ProcessPoolSlabs, OfTasksThatAreTakenBackStayUntilTheirWorkerHasPassedThem) {
  process_pool pool(options(1));
  const std::string none;
  for (int i = 0; i < 50; ++i) EXPECT_EQ(pool.submit(size_of, none, none, bytes()).get(), 0U);  // it seems to be quick
  const event_file begun, let_go;
  auto running = pool.submit(size_of, begun.path(), let_go.path(), bytes());
  ASSERT_TRUE(begun.wait());
  auto sent_ahead = pool.submit(size_of, none, none, pattern(mebibyte));
  auto after_it = pool.submit(size_of, none, none, pattern(mebibyte + 1));
  EXPECT_TRUE(fanout_test::eventually([&] { return pool.stats().queued == 0; }));
  EXPECT_TRUE(sent_ahead.cancel());
  EXPECT_THROW(static_cast<void>(sent_ahead.get()), fanout::cancelled);
  {
    auto gone = std::move(sent_ahead);
  }
  auto later = pool.submit(size_of, none, none, pattern(mebibyte + 2));
  let_go.set();
  EXPECT_EQ(running.get(), 0U);
  EXPECT_EQ(after_it.get(), mebibyte + 1);
  EXPECT_EQ(later.get(), mebibyte + 2);
}

TEST_P(ProcessPoolSlabs, AreNotOfTasksForks) {
  process_pool pool(options(1));
  const auto fork_and_return = [](const bytes& b, const std::string& forked) {
    const pid_t child = ::fork();
    if (child == 0) return b;  // the copy ends where it would answer
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status)) event_file::set(forked);
    return b;
  };
  for (std::size_t i = 0; i < 5; ++i) {
    const event_file forked;
    EXPECT_EQ(pool.submit(fork_and_return, pattern(mebibyte, i), forked.path()).get(), pattern(mebibyte, i));
    EXPECT_TRUE(forked.is_set()) << "it did not crash";
  }
}

TEST_P(ProcessPoolSlabs, AreNotOfTheProgramsForks) {
  process_pool pool(options(1));
  EXPECT_EQ(pool.submit(same, pattern(mebibyte)).get(), pattern(mebibyte));
  byte_buffer large(fanout::detail::to_be_sent);
  large.extend(mebibyte);
  ASSERT_TRUE(large.is_in_slab());
  const pid_t child = ::fork();
  if (child == 0) {
    {
      const byte_buffer theirs = std::move(large);
    }  // no lock of the parent's, and nothing to give back
    byte_buffer own(fanout::detail::to_be_sent);
    std::memset(own.extend(mebibyte), 1, mebibyte);
    ::_exit(slabs_mapped() == 1 ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(pool.submit(same, pattern(mebibyte)).get(), pattern(mebibyte));
}

// --- workers that have gone wrong

/// This worker's end of its memory, of which it makes what it should not.
class culprit {
 public:
  culprit() {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      std::uintptr_t begin = 0;
      if (std::sscanf(line.c_str(), "%lx-", &begin) != 1) continue;
      if (base_ == nullptr && line.find("/memfd:fanout-worker") != std::string::npos)
        base_ = reinterpret_cast<std::byte*>(begin);
      if (line.find("/memfd:fanout-bell") != std::string::npos)
        leader_ = reinterpret_cast<fanout::detail::leader_bell*>(begin);
    }
    for (const auto& name : fanout_test::names_in("/proc/self/fd")) {
      std::error_code gone;
      const std::string target = std::filesystem::read_symlink("/proc/self/fd/" + name, gone).string();
      if (target.starts_with("socket:") && socket_ < 0) socket_ = std::stoi(name);
      if (target.find("eventfd") != std::string::npos) bell_ = std::stoi(name);
    }
  }

  void tell_of(std::uint64_t slab, int file) const {
    fanout::detail::send_with(std::array{file}, socket_, fanout::detail::slab_notice{slab}, MSG_DONTWAIT);
  }
  void tell_of_blocks(std::uint32_t count) const {
    const fanout::detail::block_notice notice{.count = count};
    fanout::detail::send_with(std::array{bell_}, socket_, notice, MSG_DONTWAIT);
  }
  /// A frame that says that its value lies there, and names so many blocks.
  void name(const slab_part& part, std::uint16_t blocks = 0) const {
    auto& page = *reinterpret_cast<fanout::detail::worker_page*>(base_);
    const auto page_size = fanout::detail::whole_pages(sizeof page);
    std::byte* const ring = base_ + page_size + 2 * fanout::detail::ring_bytes;
    const fanout::detail::frame_header header{
        .run = 1, .item = 0, .kind = frame_kind::value_in_slab, .blocks = blocks, .length = sizeof part};
    auto& tail = page.to_program.tail;
    std::byte* const at = ring + tail.load() % fanout::detail::ring_bytes;
    std::memcpy(at, &header, sizeof header);
    std::memcpy(at + sizeof header, &part, sizeof part);
    tail.store(tail.load() + sizeof header + sizeof part);
    leader_->ring();  // the program's thread waits for the result
  }

 private:
  std::byte* base_ = nullptr;
  fanout::detail::leader_bell* leader_ = nullptr;
  int socket_ = -1, bell_ = -1;
};

int memory_of(std::size_t size, int seals) {
  const int file = ::memfd_create("nonsense", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  [[maybe_unused]] const int cut = ::ftruncate(file, static_cast<off_t>(size));
  ::fcntl(file, F_ADD_SEALS, seals);
  return file;
}

constexpr slab_part there{.slab = 7, .offset = 0, .length = 4096, .is_kept = 1};

constexpr void (*misdeeds[])() = {
    [] { culprit().name(there); },        // of which there was no notice
    [] { culprit().name({.slab = 0}); },  // that is none
    [] {                                  // another than that of which there was notice
      culprit().tell_of(8, memory_of(mebibyte, F_SEAL_SHRINK));
      culprit().name(there);
    },
    [] {  // that could shrink
      culprit().tell_of(7, memory_of(mebibyte, 0));
      culprit().name(there);
    },
    [] {  // that is no memory
      culprit().tell_of(7, ::open("/dev/null", O_RDONLY | O_CLOEXEC));
      culprit().name(there);
    },
    [] {  // that is not so long
      culprit().tell_of(7, memory_of(4095, F_SEAL_SHRINK));
      culprit().name(there);
    },
    [] {  // that is not so long, in what need not be left mapped
      culprit().tell_of(7, memory_of(4095, F_SEAL_SHRINK));
      culprit().name({.slab = 7, .offset = 0, .length = 4096, .is_kept = 0});
    },
    [] {
      culprit().tell_of(7, memory_of(mebibyte, F_SEAL_SHRINK));
      culprit().name({.slab = 7, .offset = mebibyte + 1, .length = 1, .is_kept = 1});
    },
    [] {
      culprit().tell_of(7, memory_of(mebibyte, F_SEAL_SHRINK));
      culprit().name({.slab = 7, .offset = 1, .length = ~std::uint64_t{0}, .is_kept = 1});
    },
    [] { culprit().name(there, 1); },  // and blocks of which there was no notice
    [] {
      culprit().tell_of_blocks(0);  // which says nothing
      culprit().name(there, 1);
    },
    [] {
      culprit().tell_of_blocks(2);  // of more than the frame names
      culprit().name(there, 1);
    },
    [] {
      culprit().tell_of_blocks(33);  // of more than it has room for
      culprit().name(there, 40);
    },
};

TEST_P(ProcessPoolSlabs, ThatAreNoneAreTheEndOfTheWorkerThatNamesThem) {
  process_pool pool(options(2));
  for (std::size_t which = 0; which < std::size(misdeeds); ++which) {
    auto wrong = pool.submit(
        [](std::size_t index) {
          misdeeds[index]();
          fanout_test::hang();
        },
        which);
    const std::string what = fanout_test::what_fails<worker_died>(wrong);
    EXPECT_NE(what.find("has overwritten the memory"), std::string::npos) << which << ": " << what;
    EXPECT_EQ(pool.submit(same, pattern(mebibyte)).get(), pattern(mebibyte));
    EXPECT_TRUE(fanout_test::still_works(pool));
  }
}

}  // namespace
