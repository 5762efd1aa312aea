// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Of every pool here, of every library: threads or processes that run tasks. The main thread only hands over and
/// waits.
inline constexpr unsigned workers = 2;
