// SPDX-License-Identifier: Apache-2.0
#include "fanout/signal.hpp"

#include <signal.h>

#include <array>
#include <boost/asio/signal_set.hpp>
#include <mutex>
#include <string>

#include "fanout/asio.hpp"
#include "fanout/errors.hpp"

namespace fanout::detail {

namespace {

/// What a signal does while nobody receives it. Asio's signal_set leaves the default behind, whatever was there before.
struct usual_effect {
  unsigned receivers = 0;
  struct sigaction action{};
};
constinit std::mutex effects_lock;  // guards what follows
constinit std::array<usual_effect, NSIG> effects;

struct sigaction effect_of(int number) noexcept {
  struct sigaction now{};
  ::sigaction(number, nullptr, &now);
  return now;
}

class received_signals {
 public:
  explicit received_signals(boost::asio::io_context& context) : set(context) {}
  ~received_signals() {
    const std::lock_guard lock(effects_lock);
    for (const int number : added_) remove(number);
  }

  void add(int number) {
    const std::lock_guard lock(effects_lock);
    added_.reserve(added_.size() + 1);
    const struct sigaction before = effect_of(number);
    boost::system::error_code failure;
    set.add(number, failure);
    if (failure) {
      throw error("signal_received: signal " + std::to_string(number) + " cannot be received: " + failure.message());
    }
    added_.push_back(number);
    usual_effect& usual = effects[static_cast<std::size_t>(number)];
    if (usual.receivers++ > 0) return;
    usual.action = before;
    // A signal_set of somebody else's may be gone when this one goes.
    if (before.sa_handler == effect_of(number).sa_handler) usual.action.sa_handler = SIG_DFL;
  }

  boost::asio::signal_set set;

 private:
  void remove(int number) noexcept {
    boost::system::error_code ignored;
    set.remove(number, ignored);
    usual_effect& usual = effects[static_cast<std::size_t>(number)];
    if (--usual.receivers > 0 || usual.action.sa_handler == SIG_DFL) return;
    if (effect_of(number).sa_handler == SIG_DFL) ::sigaction(number, &usual.action, nullptr);
  }

  std::vector<int> added_;
};

}  // namespace

task<int> receive_signal(std::vector<int> numbers) {
  received_signals awaited(co_await this_task::get_io_context());
  for (const int number : numbers) awaited.add(number);
  co_return co_await awaited.set.async_wait(use_task);
}

}  // namespace fanout::detail
