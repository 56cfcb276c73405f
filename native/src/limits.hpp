// What a file may claim before anything is allocated for it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mojo {

struct Limits {
  std::size_t entries = 65'534;                        // of the archive
  std::uint64_t entry_bytes = std::uint64_t{1} << 30;  // of each, unpacked
  std::uint64_t total_bytes = std::uint64_t{1} << 32;  // of all
  // Model bytes shrink by 2 to 20; deflate itself ends at 1032. Small entries may be as regular as they like.
  std::uint64_t ratio = 200;
  std::uint64_t ratio_free_bytes = std::uint64_t{1} << 20;
  std::int64_t columns = 100'000;
  std::int64_t classes = 10'000;
  std::int64_t levels = 10'000'000;        // of one column
  std::int64_t total_levels = 50'000'000;  // of all columns of a model
  std::int64_t trees = 1'000'000;
  std::int64_t depth = 1'000'000;  // of one tree, in splits
  int nesting = 4;                 // of models in models
};

}  // namespace mojo
