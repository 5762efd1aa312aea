// SPDX-License-Identifier: Apache-2.0
// Futures without any pool: the test fulfils them itself.
#pragma once

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "fanout/detail/map_state.hpp"
#include "fanout/future.hpp"

namespace fanout_test {

/// The side that owes the result.
template <class T>
class promise {
 public:
  /// Once.
  fanout::future<T> get_future() { return fanout::detail::future_access::make(state_); }
  void set(fanout::result<T>&& outcome) { state_->complete(std::move(outcome)); }
  void fail() { state_->fail(std::make_exception_ptr(std::runtime_error("no result"))); }

 private:
  fanout::detail::state_ptr<fanout::detail::future_state<T>> state_{new fanout::detail::future_state<T>};
};

/// One item of a map that has no pool either.
template <class T>
void publish(fanout::detail::whole_map<T>& map, std::size_t index, std::type_identity_t<fanout::result<T>> outcome) {
  map.publish_item(index, [&outcome]() -> T { return fanout::detail::unwrap<T>(std::move(outcome)); });
  map.end_items(1);
}

}  // namespace fanout_test
