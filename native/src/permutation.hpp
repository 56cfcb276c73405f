// Models that see the columns of a row in an order of their own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "errors.hpp"

namespace mojo {

// Throws FormatError unless each entry names one of `features` columns, none twice.
inline void check_permutation(const std::string& key, const std::vector<std::int64_t>& permutation,
                              std::size_t features) {
  std::vector<bool> seen(features);
  for (std::int64_t at : permutation) {
    if (at < 0 || at >= static_cast<std::int64_t>(features) || seen[at]) {
      throw FormatError("model.ini: " + key + " holds " + std::to_string(at) +
                        ", outside of the columns or twice");
    }
    seen[at] = true;
  }
}

}  // namespace mojo
