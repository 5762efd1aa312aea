// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Registers the benchmark of a gigabyte each way: it needs several gigabytes of memory, so it has to be asked for.
void add_huge_payload();
