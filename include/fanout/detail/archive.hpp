// SPDX-License-Identifier: Apache-2.0
// Values to bytes and back. cereal is the grammar, the archives are ours: they write to and read from a buffer, copy
// trivial types and blocks of them at once, and walk plain structs by Boost.PFR. Both sides are the same build, so
// there are no versions and no byte order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <type_traits>

#include <boost/pfr/core.hpp>
#include <cereal/cereal.hpp>

#include "fanout/detail/byte_buffer.hpp"
#include "fanout/detail/memory_block.hpp"
#include "fanout/detail/travel.hpp"

namespace fanout::detail {

/// Throws serialization_error: the data ended before the value did.
[[noreturn]] void throw_data_too_short(std::size_t wanted, std::size_t left);
/// The same: shared memory that the data names is not there, for that reason (an errno); 0: nobody sent it.
[[noreturn]] void throw_no_block(int error);

/// A value that travels as its bytes, without an archive around it: to make one costs ten times as much.
template <bytes_type T>
void read_bytes(std::span<const std::byte>& in, T& value) {
  if (in.size() < sizeof value) throw_data_too_short(sizeof value, in.size());
  if constexpr (std::is_same_v<T, bool>) {
    value = in.front() != std::byte{0};  // there are no others: to look at one would be undefined
  } else {
    std::memcpy(const_cast<std::remove_const_t<T>*>(std::addressof(value)), in.data(), sizeof value);
  }
  in = in.subspan(sizeof value);
}

/// Writes values to the end of a buffer. cereal's functions and the user's call it as `archive(a, b, …)`.
class writer : public cereal::OutputArchive<writer, cereal::AllowEmptyClassElision> {
  using base = cereal::OutputArchive<writer, cereal::AllowEmptyClassElision>;

 public:
  explicit writer(byte_buffer& out) : base(this), out_(out) {}

  // These hide cereal's, so that every value, however deep inside others, passes by the rules of put().
  template <class... Ts>
  writer& operator()(Ts&&... values) {
    (put(values), ...);
    return *this;
  }
  template <class T>
  writer& operator&(T&& value) {
    return (*this)(value);
  }
  template <class T>
  writer& operator<<(T&& value) {
    return (*this)(value);
  }

  byte_buffer& buffer() noexcept { return out_; }

 private:
  template <class T>
  void put(const T& value) {
    if constexpr (bytes_type<T>) {
      out_.append(std::addressof(value), sizeof value);
    } else if constexpr (block_type<T>) {
      put(static_cast<std::uint64_t>(value.size()));
      out_.append(value.data(), value.size() * sizeof(typename T::value_type));
    } else if constexpr (address_like<T>) {
      refuse_to_travel<T>();
    } else if constexpr (known_to_cereal<T>) {
      base::operator()(value);
    } else if constexpr (plain_aggregate<T>) {
      boost::pfr::for_each_field(value, [this](const auto& field) { this->put(field); });
    } else {
      refuse_to_travel<T>();
    }
  }
  template <class T>
  void put(const cereal::NameValuePair<T>& pair) {
    put(pair.value);
  }
  template <class T>
  void put(const cereal::SizeTag<T>& tag) {
    put(static_cast<std::uint64_t>(tag.size));
  }
  template <class T>
  void put(const cereal::BinaryData<T>& data) {
    out_.append(data.data, static_cast<std::size_t>(data.size));
  }
  template <class T>
  void put(const cereal::DeferredData<T>& deferred) {
    base::operator()(deferred);
  }

  byte_buffer& out_;
};

/// Reads values from bytes. Every length is checked against what is there before memory is taken for it.
class reader : public cereal::InputArchive<reader, cereal::AllowEmptyClassElision> {
  using base = cereal::InputArchive<reader, cereal::AllowEmptyClassElision>;

 public:
  explicit reader(std::span<const std::byte> in) : base(this), in_(in) {}
  explicit reader(const incoming_message& in) : base(this), in_(in.bytes), blocks_(in.blocks) {}

  template <class... Ts>
  reader& operator()(Ts&&... values) {
    (get(values), ...);
    return *this;
  }
  template <class T>
  reader& operator&(T&& value) {
    return (*this)(value);
  }
  template <class T>
  reader& operator>>(T&& value) {
    return (*this)(value);
  }

  std::size_t left() const noexcept { return in_.size(); }

  /// The next `count` bytes as they are. Throws serialization_error if there are fewer.
  std::span<const std::byte> bytes(std::size_t count) { return {take(count), count}; }

  /// The block that came with these bytes and has that number. Throws serialization_error.
  const block_ptr& block(std::uint64_t number) const {
    const auto found = std::ranges::lower_bound(blocks_, number, {}, &arrived_block::number);
    if (found == blocks_.end() || found->number != number) throw_no_block(0);
    if (!found->block) throw_no_block(found->error);
    return found->block;
  }

 private:
  static constexpr std::size_t size_always_believed = 1 << 16;

  const std::byte* take(std::size_t count) {
    if (count > in_.size()) throw_data_too_short(count, in_.size());
    const std::byte* const from = in_.data();
    in_ = in_.subspan(count);
    return from;
  }
  void copy(void* to, std::size_t count) {
    if (count != 0) std::memcpy(to, take(count), count);
  }

  template <class T>
  void get(T& value) {
    if constexpr (bytes_type<T>) {
      read_bytes(in_, value);
    } else if constexpr (block_type<T>) {
      get_block(value);
    } else if constexpr (address_like<T>) {
      refuse_to_travel<T>();
    } else if constexpr (known_to_cereal<T>) {
      base::operator()(value);
    } else if constexpr (plain_aggregate<T>) {
      boost::pfr::for_each_field(value, [this](auto& field) { this->get(field); });
    } else {
      refuse_to_travel<T>();
    }
  }
  template <class T>
  void get_block(T& block) {
    using element = typename T::value_type;
    static_assert(std::is_default_constructible_v<element>,
                  "fanout: the elements of a vector that travels must be default constructible");
    std::uint64_t count = 0;
    get(count);
    if (count > in_.size() / sizeof(element)) throw_data_too_short(count, in_.size() / sizeof(element));
    copy_elements(block, static_cast<std::size_t>(count));
  }
  /// Copied once, where that can be: resize() writes zeros first.
  template <class T>
  void copy_elements(T& block, std::size_t count) {
    using element = typename T::value_type;
    const std::byte* const from = take(count * sizeof(element));
    if constexpr (std::is_copy_constructible_v<element> && std::is_copy_assignable_v<element>) {
      if (reinterpret_cast<std::uintptr_t>(from) % alignof(element) == 0) {
        const auto* const elements = reinterpret_cast<const element*>(from);
        return static_cast<void>(block.assign(elements, elements + count));
      }
    }
    block.resize(count);
    if (count != 0) std::memcpy(block.data(), from, count * sizeof(element));
  }
  template <class T>
  void get(cereal::NameValuePair<T>& pair) {
    get(pair.value);
  }
  template <class T>
  void get(cereal::SizeTag<T>& tag) {
    std::uint64_t size = 0;
    get(size);
    // Elements take at least a byte each, but for empty types: a size far beyond the data is not believed.
    if (size > in_.size() + size_always_believed) throw_data_too_short(size, in_.size());
    tag.size = static_cast<std::remove_reference_t<decltype(tag.size)>>(size);
  }
  template <class T>
  void get(cereal::BinaryData<T>& data) {
    copy(data.data, static_cast<std::size_t>(data.size));
  }
  template <class T>
  void get(cereal::DeferredData<T>& deferred) {
    base::operator()(deferred);
  }

  std::span<const std::byte> in_;
  std::span<const arrived_block> blocks_;
};

}  // namespace fanout::detail

CEREAL_REGISTER_ARCHIVE(fanout::detail::writer)
CEREAL_REGISTER_ARCHIVE(fanout::detail::reader)
CEREAL_SETUP_ARCHIVE_TRAITS(fanout::detail::reader, fanout::detail::writer)
