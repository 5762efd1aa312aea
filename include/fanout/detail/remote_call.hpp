// SPDX-License-Identifier: Apache-2.0
// The blocks behind the futures and maps of a process pool: inputs encoded, results decoded as they come back.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <ranges>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>
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
result<R> decode_result(const incoming_message& message) noexcept {
  try {
    try {
      if constexpr (std::is_void_v<R>) {
        return {};
      } else {
        static_assert(std::is_default_constructible_v<R>,
                      "fanout: a result that travels must be default constructible, to be decoded into");
        R value{};
        if constexpr (bytes_type<R>) {
          auto bytes = message.bytes;
          read_bytes(bytes, value);
        } else {
          reader in(message);
          in(value);
        }
        return value;
      }
    } catch (...) {
      rethrow_as_serialization_error("the result", 0, typeid(R), "decoded");
    }
  } catch (...) {
    return std::unexpected(std::current_exception());
  }
}

/// A task's input: most are small, and need no memory of their own.
class task_input {
 public:
  /// One item, see encode_item().
  explicit task_input(byte_buffer&& encoded) {
    const auto [bytes, blocks] = encoded.message();
    if (bytes.size() <= sizeof(small) && blocks.empty()) {
      std::memcpy(std::get<small>(all_).data(), bytes.data(), bytes.size());
    } else {
      all_ = std::make_unique<byte_buffer>(std::move(encoded));
    }
  }

  outgoing_message message() const noexcept {
    if (const auto* const large = std::get_if<1>(&all_)) return (*large)->message();
    const auto& bytes = *std::get_if<small>(&all_);
    std::uint64_t length = 0;  // of the arguments, after it
    std::memcpy(&length, bytes.data(), sizeof length);
    return {std::span(bytes).first(sizeof length + static_cast<std::size_t>(length))};
  }

 private:
  using small = std::array<std::byte, 2 * sizeof(std::uint64_t)>;
  std::variant<small, std::unique_ptr<byte_buffer>> all_;
};

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
  remote_task(const call_target& target, const work_limits& limits, byte_buffer input, std::shared_ptr<pool_core> pool)
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
    if (!this->begun_) this->begun_ = this->event().claim();
    return this->begun_;
  }
  outgoing_message encoded(std::size_t, std::size_t) const noexcept override { return input_.message(); }
  void succeeded(std::size_t, const incoming_message& value) noexcept override {
    this->complete(decode_result<R>(value));
  }
  void failed(std::size_t, std::exception_ptr error) noexcept override { this->fail(std::move(error)); }
  bool is_map() const noexcept override { return false; }
  void retain() noexcept override { this->add_reference(); }
  void drop() noexcept override { this->release(); }

 private:
  const task_input input_;
  const std::shared_ptr<pool_core> pool_;
};

/// Where each of a map's inputs lies among all that were encoded, one after another.
class input_places {
 public:
  /// All are of that length; 0: they are not.
  explicit input_places(std::size_t each = 0) noexcept : each_(each) {}

  void add(std::size_t end) { ends_.push_back(end); }
  std::size_t begin(std::size_t index) const noexcept {
    return each_ != 0 ? index * each_ : index == 0 ? 0 : ends_[index - 1];
  }

 private:
  std::size_t each_;
  std::vector<std::size_t> ends_;
};

/// One map: all its inputs, encoded one after another.
template <class R>
class remote_map final : public whole_map<R>, public remote_work {
 public:
  /// Two references.
  remote_map(const call_target& target, byte_buffer inputs, input_places places, std::size_t count, map_options options,
             std::shared_ptr<pool_core> pool)
      : whole_map<R>(count, options.ordered, nullptr, 2),
        remote_work(target, {.timeout = options.item_timeout}),
        inputs_(std::move(inputs)),
        places_(std::move(places)),
        pool_(std::move(pool)) {}

  std::shared_ptr<outside> owed_from_outside() override { return results_of(*pool_); }

  outgoing_message encoded(std::size_t first, std::size_t count) const noexcept override {
    return inputs_.part(places_.begin(first), places_.begin(first + count) - places_.begin(first));
  }
  void succeeded(std::size_t item, const incoming_message& value) noexcept override {
    if constexpr (bytes_type<R> && assignable_in_place<R>) {
      if (!this->is_watched() && value.bytes.size() >= sizeof(R)) {
        auto bytes = value.bytes;
        read_bytes(bytes, this->places().data()[item]);
        ++uncounted_;
        return;
      }
    }
    end(item, decode_result<R>(value));
  }
  void failed(std::size_t item, std::exception_ptr error) noexcept override {
    end(item, std::unexpected(std::move(error)));
  }
  bool is_map() const noexcept override { return true; }
  void retain() noexcept override { this->add_reference(); }
  void drop() noexcept override {
    if (const std::size_t ended = std::exchange(uncounted_, 0); ended != 0) this->end_items(ended);
    this->release();
  }

 private:
  void end(std::size_t item, result<R>&& outcome) noexcept {
    this->publish_item(item, [&outcome]() -> R { return unwrap<R>(std::move(outcome)); });
    ++uncounted_;
  }

  std::size_t uncounted_ = 0;  // the turns': items that ended since a range of them was dropped
  const byte_buffer inputs_;
  const input_places places_;
  const std::shared_ptr<pool_core> pool_;
};

/// Throws serialization_error.
template <class Input, class Inputs>
std::size_t encode_inputs(Inputs&& inputs, byte_buffer& encoded, input_places& places) {
  std::size_t count = 0;
  if constexpr (bytes_type<Input> && std::same_as<travels_as<Input>, Input>) {
    constexpr std::size_t each = sizeof(std::uint64_t) + sizeof(Input);
    count = static_cast<std::size_t>(std::ranges::size(inputs));
    places = input_places(each);
    std::byte* at = encoded.extend(count * each);
    for (auto&& value : inputs) {
      const std::uint64_t length = sizeof(Input);
      const Input& input = value;
      std::memcpy(at, &length, sizeof length);
      std::memcpy(at + sizeof length, std::addressof(input), sizeof input);
      at += each;
    }
  } else {
    for (auto&& value : inputs) {
      encode_item<Input>(encoded, value);
      places.add(encoded.size());
      ++count;
    }
  }
  return count;
}

/// The map of a process pool, of inputs that are there. Throws serialization_error.
template <class R, class Input, class Inputs>
state_ptr<map_state<R>> start_remote_map(const std::shared_ptr<pool_core>& pool, const call_target& target,
                                         Inputs&& inputs, map_options options) {
  byte_buffer encoded(to_be_sent);
  input_places places;
  const std::size_t count = encode_inputs<Input>(inputs, encoded, places);
  auto* const work = new remote_map<R>(target, std::move(encoded), std::move(places), count, options, pool);
  state_ptr<map_state<R>> state(work);
  enqueue(*pool, *work, count, options.chunk);
  return state;
}

}  // namespace fanout::detail
