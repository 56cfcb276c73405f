// XGBoost's trees as questions about the model's own columns. A split on a one-hot cell asks whether the
// level is the cell's, so no row is ever spread into cells.
#pragma once

#include <cstdint>
#include <vector>

#include "compiled_trees.hpp"
#include "xgboost_booster.hpp"

namespace mojo {

// `offsets` are those of the one-hot blocks, `numbers` the columns behind them. In the rows that the trees
// take, a categorical column holds the number of its lit cell, or NaN for none; other values are floats, or
// NaN. `sparse`: an unlit cell is missing instead of 0. Throws UnsupportedError.
CompiledTrees compile_booster(const Booster& booster, const std::vector<std::int64_t>& offsets,
                              std::size_t numbers, bool sparse);

}  // namespace mojo
