// SPDX-License-Identifier: Apache-2.0
// Ordeals, one after another: each start method with 1, 2 and 4 workers, without retries and with, until the time is
// over. The account goes to standard output, progress to standard error. Ends with 1 if any task is not accounted for,
// or anything stayed behind. See scripts/soak.
#include <getopt.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <tuple>

#include "ordeal.hpp"
#include "support.hpp"

namespace {

using fanout::start_method;
using fanout_test::ordeal_account;
using fanout_test::ordeal_plan;

struct settings {
  double minutes = 0;     // 0: as many rounds as are wanted
  unsigned rounds = 1;    // through all of the matrix
  unsigned kills = 25;    // in each ordeal
  unsigned between = 20;  // milliseconds
  unsigned seed = std::random_device()();
};

[[noreturn]] void explain(int code) {
  (code == 0 ? std::cout : std::cerr)
      << "usage: soak [--minutes N | --rounds N] [--kills N] [--between MS] [--seed N]\n"
         "  --minutes N   goes on for so long (a fraction too); else\n"
         "  --rounds N    through the matrix so often: 3 start methods, 1, 2 and 4 workers, without and with retries "
         "(1)\n"
         "  --kills N     so many workers and nannies are killed in each of these (25),\n"
         "  --between MS  so many milliseconds apart (20)\n"
         "  --seed N      repeats the choices of a former run\n";
  std::exit(code);
}

settings parse(int argc, char** argv) {
  settings s;
  const option options[] = {{"minutes", required_argument, nullptr, 'm'},
                            {"rounds", required_argument, nullptr, 'r'},
                            {"kills", required_argument, nullptr, 'k'},
                            {"between", required_argument, nullptr, 'b'},
                            {"seed", required_argument, nullptr, 's'},
                            {"help", no_argument, nullptr, 'h'},
                            {nullptr, 0, nullptr, 0}};
  const auto number = [] { return static_cast<unsigned>(std::strtoul(::optarg, nullptr, 10)); };
  for (int found; (found = ::getopt_long(argc, argv, "", options, nullptr)) != -1;) {
    switch (found) {
      case 'm':
        s.minutes = std::strtod(::optarg, nullptr);
        break;
      case 'r':
        s.rounds = number();
        break;
      case 'k':
        s.kills = number();
        break;
      case 'b':
        s.between = number();
        break;
      case 's':
        s.seed = number();
        break;
      case 'h':
        explain(0);
      default:
        explain(2);
    }
  }
  if (::optind != argc) explain(2);
  return s;
}

/// What there is of what must not stay behind.
struct belongings {
  std::size_t children = fanout_test::children_of("self").size();
  std::size_t descriptors = fanout_test::names_in("/proc/self/fd").size();
  std::size_t memfds = fanout_test::mapped_memfds();
  bool operator==(const belongings&) const = default;
};

class soak {
 public:
  explicit soak(const settings& s) : settings_(s), random_(s.seed) {}

  bool run() {
    std::cerr << "soak: seed " << settings_.seed << '\n';
    for (unsigned round = 1; round == 1 || goes_on(round); ++round) run_round(round);
    report();
    return total_.wrong.empty();
  }

 private:
  using clock = std::chrono::steady_clock;

  bool goes_on(unsigned round) const {
    if (settings_.minutes == 0) return round <= settings_.rounds;
    return std::chrono::duration<double>(clock::now() - begin_).count() < settings_.minutes * 60;
  }

  void run_round(unsigned round) {
    for (const auto start : {start_method::forkserver, start_method::spawn, start_method::fork}) {
      for (const unsigned workers : {1U, 2U, 4U}) {
        for (const unsigned retries : {0U, 1000U}) {
          if (round > 1 && !goes_on(round)) return;
          run_one(round, {.start = start,
                          .workers = workers,
                          .retries = retries,
                          .kills = settings_.kills,
                          .nannies_in_100 = 10,
                          .between_kills = std::chrono::milliseconds(settings_.between),
                          .seed = static_cast<unsigned>(random_())});
        }
      }
    }
  }

  void run_one(unsigned round, const ordeal_plan& plan) {
    const belongings before;
    auto account = fanout_test::go_through(plan);
    if (!(belongings() == before)) account.wrong.push_back("a process, a descriptor or memory stayed behind");
    std::cerr << "soak: round " << round << ", " << ::testing::PrintToString(plan.start) << ", " << plan.workers
              << (plan.workers == 1 ? " worker" : " workers") << (plan.retries != 0 ? ", with retries: " : ": ")
              << account << '\n';
    if (plan.retries != 0 && account.died != 0) account.wrong.push_back("a task died that was to be run again");
    total_.add(account);
    auto& sum = by_start_[plan.start];
    sum.add(account);
    ++ordeals_;
  }

  void report() const {
    for (const auto& [start, sum] : by_start_) std::cout << ::testing::PrintToString(start) << ": " << sum << '\n';
    std::cout << "soak: " << (total_.wrong.empty() ? "passed" : "FAILED") << ", " << ordeals_ << " ordeals, seed "
              << settings_.seed << '\n';
  }

  const settings settings_;
  std::minstd_rand random_;
  const clock::time_point begin_ = clock::now();
  unsigned ordeals_ = 0;
  ordeal_account total_;
  std::map<start_method, ordeal_account> by_start_;
};

}  // namespace

int main(int argc, char** argv) {
  const settings s = parse(argc, argv);
  const fanout_test::own_temporary_directory for_counters;
  return soak(s).run() ? 0 : 1;
}
