// SPDX-License-Identifier: Apache-2.0
// Inputs for maps that pull, and what becomes of them.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <iterator>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

namespace fanout_test {

/// 0, 1, 2, … of a single pass, made by `make(number)` when they are pulled; counts them.
template <class T>
class numbers_without_end {
 public:
  explicit numbers_without_end(std::function<T(int)> make, std::atomic<int>* pulled = nullptr)
      : make_(std::move(make)), pulled_(pulled) {}
  numbers_without_end(numbers_without_end&&) = default;
  numbers_without_end& operator=(numbers_without_end&&) = default;

  class iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    explicit iterator(numbers_without_end& r) : range_(&r) {}
    iterator(iterator&&) = default;
    iterator& operator=(iterator&&) = default;
    T operator*() const {
      if (range_->pulled_ != nullptr) ++*range_->pulled_;
      return range_->make_(range_->next_);
    }
    iterator& operator++() {
      ++range_->next_;
      return *this;
    }
    void operator++(int) { ++range_->next_; }

   private:
    numbers_without_end* range_;
  };

  iterator begin() { return iterator(*this); }
  std::unreachable_sentinel_t end() const { return {}; }

 private:
  std::function<T(int)> make_;
  std::atomic<int>* pulled_;
  int next_ = 0;
};
template <class F, class... Pulled>
numbers_without_end(F, Pulled...) -> numbers_without_end<std::invoke_result_t<F&, int>>;

inline int itself(int x) { return x; }
using plain_numbers = numbers_without_end<int>;
static_assert(std::ranges::input_range<plain_numbers> && !std::ranges::forward_range<plain_numbers>);

/// So many values, then the loop is left.
template <class Range>
std::vector<int> first_of(Range&& results, std::size_t count) {
  std::vector<int> first;
  for (auto&& item : results) {
    first.push_back(*item);
    if (first.size() == count) break;
  }
  return first;
}

inline std::vector<int> squares(int count) {
  std::vector<int> all;
  for (int i = 0; i < count; ++i) all.push_back(i * i);
  return all;
}

}  // namespace fanout_test
