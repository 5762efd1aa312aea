// SPDX-License-Identifier: Apache-2.0
// The blocks behind the futures and maps of a process pool: inputs encoded, results decoded as they come back.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "fanout/detail/future_state.hpp"
#include "fanout/detail/map_state.hpp"
#include "fanout/detail/shipping.hpp"
#include "fanout/errors.hpp"
#include "fanout/map.hpp"
#include "fanout/result.hpp"

namespace fanout::detail {

/// A value that came back, or why it could not be decoded.
template <class R>
result<R> decode_result(std::span<const std::byte> bytes) noexcept {
  try {
    try {
      if constexpr (std::is_void_v<R>) {
        return {};
      } else {
        static_assert(std::is_default_constructible_v<R>,
                      "fanout: a result that travels must be default constructible, to be decoded into");
        reader in(bytes);
        R value{};
        in(value);
        return value;
      }
    } catch (...) {
      rethrow_as_serialization_error("the result", 0, typeid(R), "decoded");
    }
  } catch (...) {
    return std::unexpected(std::current_exception());
  }
}

/// One submitted task.
///
///             begin (supervisor)                     succeeded, failed
///   queued ────────────────────▶ claimed, handed out ──────────────────▶ done
///      └────── cancel (any thread): claimed ──▶ done at once; the pool drops it when it comes to it
///
/// What was handed out may not have begun: then the pool can still take it back, and knows whether it did.
template <class R>
class remote_task final : public future_state<R>, public remote_work {
 public:
  /// Two references: the future's and the pool's.
  remote_task(const call_target& target, const work_limits& limits, byte_buffer input,
              std::shared_ptr<pool_core> pool) noexcept
      : future_state<R>(nullptr, 2), remote_work(target, limits), input_(std::move(input)), pool_(std::move(pool)) {}

  bool cancel(cancel_mode mode) override {
    if (this->event().claim()) {
      this->fail(std::make_exception_ptr(cancelled()));
      return true;
    }
    return cancel_handed_out(*pool_, *this, mode);
  }

  std::shared_ptr<outside> owed_from_outside() override { return results_of(*pool_); }

  bool begin() noexcept override {
    if (!begun_) begun_ = this->event().claim();
    return begun_;
  }
  std::span<const std::byte> encoded(std::size_t, std::size_t) const noexcept override { return input_.bytes(); }
  void succeeded(std::size_t, std::span<const std::byte> value) noexcept override {
    this->complete(decode_result<R>(value));
  }
  void failed(std::size_t, std::exception_ptr error) noexcept override { this->fail(std::move(error)); }
  bool is_map() const noexcept override { return false; }
  void retain() noexcept override { this->add_reference(); }
  void drop() noexcept override { this->release(); }

 private:
  bool begun_ = false;  // the turns': it was not cancelled before
  const byte_buffer input_;
  const std::shared_ptr<pool_core> pool_;
};

/// One map: all its inputs, encoded one after another.
template <class R>
class remote_map final : public whole_map<R>, public remote_work {
 public:
  /// `begins`: where each item's input begins in `inputs`, and where the last one ends. Two references.
  remote_map(const call_target& target, byte_buffer inputs, std::vector<std::size_t> begins, map_options options,
             std::shared_ptr<pool_core> pool)
      : whole_map<R>(begins.size() - 1, options.ordered, nullptr, 2),
        remote_work(target, {.timeout = options.item_timeout}),
        inputs_(std::move(inputs)),
        begins_(std::move(begins)),
        pool_(std::move(pool)) {}

  std::shared_ptr<outside> owed_from_outside() override { return results_of(*pool_); }

  std::span<const std::byte> encoded(std::size_t first, std::size_t count) const noexcept override {
    return inputs_.bytes().subspan(begins_[first], begins_[first + count] - begins_[first]);
  }
  void succeeded(std::size_t item, std::span<const std::byte> value) noexcept override {
    this->publish(item, decode_result<R>(value));
  }
  void failed(std::size_t item, std::exception_ptr error) noexcept override {
    this->publish(item, std::unexpected(std::move(error)));
  }
  bool is_map() const noexcept override { return true; }
  void retain() noexcept override { this->add_reference(); }
  void drop() noexcept override { this->release(); }

 private:
  const byte_buffer inputs_;
  const std::vector<std::size_t> begins_;
  const std::shared_ptr<pool_core> pool_;
};

/// The map of a process pool, of inputs that are there. Throws serialization_error.
template <class R, class Input, class Inputs>
state_ptr<map_state<R>> start_remote_map(const std::shared_ptr<pool_core>& pool, const call_target& target,
                                         Inputs&& inputs, map_options options) {
  byte_buffer encoded(to_be_sent);
  std::vector<std::size_t> begins(1, 0);
  for (auto&& value : inputs) {
    encode_item<Input>(encoded, value);
    begins.push_back(encoded.size());
  }
  const std::size_t count = begins.size() - 1;
  auto* const work = new remote_map<R>(target, std::move(encoded), std::move(begins), options, pool);
  state_ptr<map_state<R>> state(work);
  enqueue(*pool, *work, count, options.chunk);
  return state;
}

}  // namespace fanout::detail
