// Offsets of the one-hot blocks of categorical columns: c[i] .. c[i+1] are the cells of column i.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "errors.hpp"
#include "model_info.hpp"

namespace mojo {

// Throws FormatError unless the offsets start at 0, never fall, and fit Java's int.
inline void check_level_blocks(const std::string& key, const std::vector<std::int64_t>& offsets) {
  std::int64_t last = 0;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] < last || (i == 0 && offsets[i] != 0) ||
        offsets[i] > std::numeric_limits<std::int32_t>::max()) {
      throw FormatError("model.ini: " + key + " does not ascend from 0: entry " + std::to_string(i) + " is " +
                        std::to_string(offsets[i]));
    }
    last = offsets[i];
  }
}

// `cat_offsets` of so many columns; files without any may leave it out. Throws FormatError.
inline std::vector<std::int64_t> read_level_blocks(const InfoValues& values, std::size_t columns) {
  std::vector<std::int64_t> offsets = values.integers("cat_offsets");
  if (offsets.empty()) offsets = {0};
  if (offsets.size() != columns + 1)
    throw FormatError("model.ini: cat_offsets does not have cats + 1 entries");
  check_level_blocks("cat_offsets", offsets);
  return offsets;
}

}  // namespace mojo
