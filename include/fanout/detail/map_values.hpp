// SPDX-License-Identifier: Apache-2.0
// Where a map keeps the values of its items until they are taken, and, aside, their errors.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "fanout/result.hpp"

namespace fanout::detail {

/// What get() returns: a vector; nothing for functions that return nothing.
template <class R>
using mapped_values = std::conditional_t<std::is_void_v<R>, void, std::vector<stored_t<R>>>;

/// Values that can stand in the vector that get() returns before they are there, and be assigned where they belong. Not
/// bool: two threads cannot write to neighbours in a std::vector<bool>.
template <class R>
concept assignable_in_place =
    std::is_nothrow_default_constructible_v<R> && std::is_nothrow_move_assignable_v<R> && !std::same_as<R, bool>;

/// For as many items as are known from the start; each is put in its place once, from any thread.
template <class R>
class map_values {
 public:
  explicit map_values(std::size_t count) : values_(count) {}
  template <class Call>
  void put(std::size_t index, Call&& call) {
    if constexpr (std::is_reference_v<R>) {
      values_[index].emplace(std::ref(std::forward<Call>(call)()));
    } else {
      values_[index].emplace(std::forward<Call>(call)());
    }
  }
  stored_t<R>&& take(std::size_t index) noexcept { return *std::move(values_[index]); }
  std::vector<stored_t<R>> take_all() {
    std::vector<stored_t<R>> all;
    all.reserve(values_.size());
    for (auto& value : values_) all.push_back(*std::move(value));
    return all;
  }

 private:
  std::vector<std::optional<stored_t<R>>> values_;
};

template <assignable_in_place R>
class map_values<R> {
 public:
  explicit map_values(std::size_t count) : values_(count) {}
  template <class Call>
  void put(std::size_t index, Call&& call) {
    values_[index] = std::forward<Call>(call)();
  }
  R&& take(std::size_t index) noexcept { return std::move(values_[index]); }
  std::vector<R> take_all() noexcept { return std::move(values_); }

  /// For a loop over many of them.
  R* data() noexcept { return values_.data(); }

 private:
  std::vector<R> values_;
};

template <>
class map_values<bool> {
 public:
  explicit map_values(std::size_t count) : values_(count) {}
  template <class Call>
  void put(std::size_t index, Call&& call) {
    values_[index] = std::forward<Call>(call)() ? 1 : 0;
  }
  bool take(std::size_t index) const noexcept { return values_[index] != 0; }
  std::vector<bool> take_all() const { return std::vector<bool>(values_.begin(), values_.end()); }

 private:
  std::vector<unsigned char> values_;
};

template <>
class map_values<void> {
 public:
  explicit map_values(std::size_t) noexcept {}
  template <class Call>
  void put(std::size_t, Call&& call) {
    std::forward<Call>(call)();
  }
};

/// Few, most often none. From any thread.
class map_errors {
 public:
  void put(std::size_t index, std::exception_ptr error) noexcept {
    const std::lock_guard lock(mutex_);
    if (first_ == nullptr || index < first_index_) {
      std::swap(first_, error);
      std::swap(first_index_, index);
    }
    if (error == nullptr) return;
    try {
      others_.emplace(index, std::move(error));
    } catch (...) {  // no memory, not even for that: take() says so
    }
  }
  std::exception_ptr take(std::size_t index) noexcept {
    const std::lock_guard lock(mutex_);
    if (first_ != nullptr && first_index_ == index) return std::move(first_);
    const auto found = others_.find(index);
    return found != others_.end() ? std::move(found->second) : std::make_exception_ptr(std::bad_alloc());
  }
  /// Of the first item that has one; null if none has. When all have ended.
  const std::exception_ptr& first() const noexcept { return first_; }
  /// The same, given away: what several threads hold they share, without a lock.
  std::exception_ptr take_first() noexcept { return std::move(first_); }

 private:
  std::mutex mutex_;  // guards the rest
  std::exception_ptr first_;
  std::size_t first_index_ = 0;
  std::map<std::size_t, std::exception_ptr> others_;
};

/// Zeros that take no memory before they are written to, if there are many.
template <class T>
  requires std::is_trivial_v<T>
class zeroed_array {
 public:
  explicit zeroed_array(std::size_t count) : first_(static_cast<T*>(std::calloc(count, sizeof(T)))) {
    if (first_ == nullptr && count != 0) throw std::bad_alloc();
  }
  T& operator[](std::size_t index) const noexcept { return first_.get()[index]; }

 private:
  struct freeing {
    void operator()(T* first) const noexcept { std::free(first); }
  };
  std::unique_ptr<T, freeing> first_;
};

}  // namespace fanout::detail
