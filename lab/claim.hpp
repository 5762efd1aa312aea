// SPDX-License-Identifier: Apache-2.0
// A claim about two models, such as "processes < 0.6*threads", and whether an experiment shows it. Pure.
#pragma once

#include <optional>
#include <string>

#include "lab/analysis.hpp"
#include "lab/sentences.hpp"

namespace lab {

/// a takes less than `factor` times as long as b.
struct claim {
  std::string text;  // as it was made
  std::string a, b;
  double factor = 1;
};

/// "MODEL < F*MODEL" or "F*MODEL > MODEL": factors may stand on either side or on none. Nothing if it is not that.
std::optional<claim> parse_claim(const std::string& text);

struct judgement {
  bool shown = false;
  bool open = false;  // neither it nor its opposite is shown: more rounds may show either
  sentence said;
};

/// Shown: the confidence interval of the ratio of the two lies wholly on its side. So one in forty false claims at most
/// is called shown; and what one round says, or rounds that scatter, is not enough.
judgement judge(const claim& made, const analysis& found);

}  // namespace lab
