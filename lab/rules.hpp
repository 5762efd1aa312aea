// SPDX-License-Identifier: Apache-2.0
// The rules of a diagnosis; docs/method.md has them all. Part of diagnosis.cpp.
#pragma once

#include <vector>

#include "lab/diagnosis.hpp"
#include "lab/facts.hpp"

namespace lab {

/// Why the models are as fast as they are. If their results differ, that alone.
std::vector<finding> why_of(const facts& all);

/// What to mind about the figures.
std::vector<finding> cautions_of(const facts& all);

}  // namespace lab
