// SPDX-License-Identifier: Apache-2.0
// Both sides run in threads of their own, so that the caller stays on the CPUs it was on.
#include "lab/costs/ping_pong.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

#include "lab/costs/processor.hpp"
#include "lab/costs/timing.hpp"
#include "lab/file_descriptor.hpp"

namespace lab::costs {

namespace {

enum side : std::size_t { first, second };

/// A word for each side: 1 from when it is told until it has noticed. The library's own wait and wake are not used:
/// they look before they sleep.
class futex_signal {
 public:
  void tell(side whom) {
    words_[whom].value.store(1, std::memory_order_release);
    call(whom, FUTEX_WAKE_PRIVATE, 1);
  }

  void wait(side who) {
    while (words_[who].value.load(std::memory_order_acquire) == 0) call(who, FUTEX_WAIT_PRIVATE, 0);
    words_[who].value.store(0, std::memory_order_relaxed);
  }

  /// The calls of tell() and wait(), when nobody sleeps and nobody has to.
  void alone() {
    tell(first);
    call(first, FUTEX_WAIT_PRIVATE, 0);
    wait(first);
  }

 private:
  void call(side whom, int operation, std::uint32_t value) {
    syscall(SYS_futex, &words_[whom].value, operation, value, nullptr, nullptr, 0);
  }

  struct alignas(64) word {
    std::atomic<std::uint32_t> value{0};
  };
  std::array<word, 2> words_;
};

/// A byte in a pipe for each side.
class pipe_signal {
 public:
  pipe_signal() {
    for (ends& one : pipes_) {
      std::array<int, 2> made{};
      if (pipe2(made.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
      one = {file_descriptor(made[0]), file_descriptor(made[1])};
    }
  }

  void tell(side whom) {
    const char byte = 0;
    check(write(pipes_[whom].in.get(), &byte, 1));
  }

  void wait(side who) {
    char byte = 0;
    check(read(pipes_[who].out.get(), &byte, 1));
  }

  void alone() {
    tell(first);
    wait(first);
  }

  /// Of the other side's process, so that each notices when the other has gone.
  void leave(side whose) {
    pipes_[whose].out.reset();
    pipes_[1 - whose].in.reset();
  }

 private:
  static void check(ssize_t done) {
    if (done != 1)
      throw std::system_error(done < 0 ? errno : EPIPE, std::generic_category(), "the other side has gone");
  }

  struct ends {
    file_descriptor out, in;
  };
  std::array<ends, 2> pipes_;
};

rusage used_by_this_thread() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage;
}

/// The switches of the calling thread, from its construction to add_to().
class switch_counter {
 public:
  void add_to(turns_taken& sum) const {
    const rusage now = used_by_this_thread();
    sum.voluntary += now.ru_nvcsw - before_.ru_nvcsw;
    sum.involuntary += now.ru_nivcsw - before_.ru_nivcsw;
  }

 private:
  rusage before_ = used_by_this_thread();
};

constexpr unsigned rounds_before = 10;  // until both have come to where they are to stay

template <class Signal>
void answer(Signal& signal, unsigned rounds, std::size_t touched) {
  working_set own(touched);
  for (unsigned i = 0; i < rounds; ++i) {
    signal.wait(second);
    own.touch();
    signal.tell(first);
  }
  signal.wait(second);
}

/// The time of both sides.
class clocks {
 public:
  clocks(const ping_pong& game, pid_t partner) {
    if (game.on == ping_pong::placement::two_cpus) {
      all_ = {CLOCK_MONOTONIC};
    } else {
      all_ = {CLOCK_PROCESS_CPUTIME_ID};  // beside the two sides nobody runs in this process
      if (clockid_t clock = 0; partner > 0 && clock_getcpuclockid(partner, &clock) == 0) all_.push_back(clock);
    }
  }

  double seconds() const {
    double sum = 0;
    for (const clockid_t clock : all_) sum += read_clock(clock);
    return sum;
  }

 private:
  std::vector<clockid_t> all_;
};

template <class Signal>
double ask(Signal& signal, unsigned rounds, std::size_t touched, const clocks& time) {
  working_set own(touched);
  double began = 0;
  for (unsigned i = 0; i < rounds_before + rounds; ++i) {
    if (i == rounds_before) began = time.seconds();
    own.touch();
    signal.tell(second);
    signal.wait(first);
  }
  const double taken = time.seconds() - began;
  signal.tell(second);  // it may end, and with it its clock
  return taken;
}

/// Runs it in a thread of its own that stays on `cpu`.
template <class F>
void on_cpu(unsigned cpu, F&& run) {
  std::exception_ptr error;
  std::thread([&] {
    try {
      stay_on(cpu);
      run();
    } catch (...) {
      error = std::current_exception();
    }
  }).join();
  if (error) std::rethrow_exception(error);
}

struct cpu_pair {
  unsigned of_first, of_second;
};

cpu_pair cpus_for(const ping_pong& game) {
  const std::vector<unsigned> cpus = allowed_cpus();
  if (cpus.empty()) throw not_measurable("the kernel does not tell which CPUs there are");
  if (game.on == ping_pong::placement::one_cpu) return {cpus.front(), cpus.front()};
  if (cpus.size() < 2) throw not_measurable("one CPU");
  return {cpus[0], cpus[1]};
}

template <class Signal>
turns_taken play_between_threads(const ping_pong& game, unsigned rounds) {
  const cpu_pair cpus = cpus_for(game);
  Signal signal;
  turns_taken taken;
  // Each pins itself before its first turn. Had it failed, the other would wait for ever: so that is tried before.
  on_cpu(cpus.of_first, [] {});
  on_cpu(cpus.of_second, [] {});
  turns_taken of_partner;
  std::thread partner([&] {
    stay_on(cpus.of_second);
    const switch_counter switches;
    answer(signal, rounds_before + rounds, game.touched);
    switches.add_to(of_partner);
  });
  on_cpu(cpus.of_first, [&] {
    const switch_counter switches;
    taken.seconds = ask(signal, rounds, game.touched, clocks(game, 0));
    switches.add_to(taken);
  });
  partner.join();
  taken.voluntary += of_partner.voluntary;
  taken.involuntary += of_partner.involuntary;
  return taken;
}

[[noreturn]] void be_the_partner(pipe_signal& signal, const ping_pong& game, unsigned rounds, unsigned cpu) noexcept {
  try {
    signal.leave(first);
    stay_on(cpu);
    answer(signal, rounds, game.touched);
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

turns_taken play_between_processes(const ping_pong& game, unsigned rounds) {
  const cpu_pair cpus = cpus_for(game);
  pipe_signal signal;
  const pid_t partner = fork();
  if (partner < 0) throw not_measurable("fork: " + std::generic_category().message(errno));
  if (partner == 0) be_the_partner(signal, game, rounds_before + rounds, cpus.of_second);
  signal.leave(second);
  turns_taken taken;
  std::exception_ptr error;
  try {
    on_cpu(cpus.of_first, [&] {
      const switch_counter switches;
      taken.seconds = ask(signal, rounds, game.touched, clocks(game, partner));
      switches.add_to(taken);
    });
  } catch (...) {
    error = std::current_exception();
    signal.leave(first);  // a partner that waits ends
  }
  while (waitpid(partner, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (error) std::rethrow_exception(error);
  return taken;
}

template <class Signal>
double alone(const ping_pong& game, unsigned turns) {
  double seconds = 0;
  on_cpu(cpus_for(game).of_first, [&] {
    Signal signal;
    working_set own(game.touched);
    own.touch();
    seconds = cpu_seconds_of([&] {
      for (unsigned i = 0; i < turns; ++i) {
        own.touch();
        signal.alone();
      }
    });
  });
  return seconds;
}

}  // namespace

turns_taken play(const ping_pong& game, unsigned turns) {
  const unsigned rounds = (turns + 1) / 2;
  if (game.with == ping_pong::partner::process) return play_between_processes(game, rounds);
  return game.by == ping_pong::signal::pipe ? play_between_threads<pipe_signal>(game, rounds)
                                            : play_between_threads<futex_signal>(game, rounds);
}

double play_alone(const ping_pong& game, unsigned turns) {
  const bool pipes = game.with == ping_pong::partner::process || game.by == ping_pong::signal::pipe;
  return pipes ? alone<pipe_signal>(game, turns) : alone<futex_signal>(game, turns);
}

measurement measure_switch(const effort& much, const ping_pong& game) {
  // So many that a batch takes some ten milliseconds.
  const bool slow = game.on == ping_pong::placement::two_cpus || game.touched > 256'000;
  return time_batches(
      much, slow ? 500 : 4000, [&](unsigned n) { return play(game, n).seconds * n / (2 * ((n + 1) / 2)); },
      [&](unsigned n) { return play_alone(game, n); });
}

}  // namespace lab::costs
