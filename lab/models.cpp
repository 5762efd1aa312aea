// SPDX-License-Identifier: Apache-2.0
#include "lab/models.hpp"

#include <algorithm>
#include <iterator>

namespace lab {

namespace {

constexpr known_model all[] = {
    {"serial", model_kind::one_by_one, known_model::usual},
    {"async", model_kind::loop, known_model::usual},
    {"threads", model_kind::threads, known_model::usual},
    {"processes", model_kind::processes, known_model::usual},
    {"processes/spawn", model_kind::processes, known_model::special},
    {"processes/fork", model_kind::processes, known_model::special},
    {"to_thread", model_kind::threads, known_model::special},
    {"async/uvloop", model_kind::loop, known_model::special},
    {"subinterpreters", model_kind::interpreters, known_model::special},
    {"free-threading", model_kind::threads, known_model::special},
    {"asyncio.gather", model_kind::loop, known_model::peer},
    {"ThreadPoolExecutor", model_kind::threads, known_model::peer},
    {"multiprocessing.Pool", model_kind::processes, known_model::peer},
    {"ProcessPoolExecutor", model_kind::processes, known_model::peer},
    {"joblib", model_kind::processes, known_model::peer},
};

}  // namespace

std::span<const known_model> known_models() { return all; }

const known_model* find_model(std::string_view name) {
  const auto found = std::ranges::find(all, name, &known_model::name);
  return found == std::end(all) ? nullptr : found;
}

}  // namespace lab
