// SPDX-License-Identifier: Apache-2.0
// What functions are given to: a pool takes calls, and gives their results as futures.
#pragma once

#include <concepts>
#include <vector>

#include "fanout/future.hpp"
#include "fanout/map.hpp"

namespace fanout {

/// What runs functions elsewhere: thread_pool and process_pool; and serial_executor, which has no elsewhere.
///
/// Every pool takes functions and captureless lambdas, with arguments that are copied. Its futures and maps can be
/// waited for by threads and awaited by coroutines of any executor, and may outlive it: it is gone when all that was
/// given to it has ended. What more it takes (captures, references, types that are moved) is the pool's own affair.
template <class P>
concept pool = requires(P& p, const P& unchanged, int (*f)(int), void (*g)(), std::vector<int>& kept) {
  { p.submit(f, 1) } -> std::same_as<future<int>>;
  { p.submit(g) } -> std::same_as<future<void>>;
  { p.map(f, kept) } -> std::same_as<mapped<int>>;
  { p.map(f, std::vector<int>(), map_options{}) } -> std::same_as<mapped<int>>;
  { p.map(f, {1, 2}) } -> std::same_as<mapped<int>>;
  { unchanged.workers() } noexcept -> std::same_as<unsigned>;
};

}  // namespace fanout
