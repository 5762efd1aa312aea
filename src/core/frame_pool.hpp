// SPDX-License-Identifier: Apache-2.0
// What is behind the threads' lists of free blocks.
//
//     thread:  a list of free blocks for each size class, bounded            no lock, no atomic
//        ▲ batches of blocks, either way
//     depot:   for each size class, a few batches to be handed on as they    a lock for each class
//              are, and slabs of 2 MiB with their free blocks
//        ▲ whole slabs that have become empty
//     spare slabs, bounded; what is beyond goes back to the system           a lock
//
// A block may be freed by another thread than the one that allocated it: it joins the list of the thread that frees it,
// and returns by way of the depot. A thread that ends gives its lists to the depot.
#pragma once

#include <cstddef>

#include "fanout/detail/frame_pool.hpp"

namespace fanout::detail::frame_pool {

/// What empty slabs may hold back from the system, at most.
inline constexpr std::size_t spare_bytes = std::size_t{128} << 20;

/// Bytes of all slabs there are, spare ones included.
std::size_t mapped_bytes() noexcept;

}  // namespace fanout::detail::frame_pool
