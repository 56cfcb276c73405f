// The few loops that gain from wide registers, chosen once by what this machine has.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mojo {

using Word = std::uint64_t;

// One split above the lowest levels of a tree: its question, and which of its children are splits.
struct SliceSplit {
  std::uint16_t question;
  bool left_splits;
  bool right_splits;
};

// The lowest three levels below one place of a tree, a heap of questions that starts at 1. Question 0, which
// nobody answers with yes, stands where there is no split.
struct SliceBottom {
  static constexpr int kLevels = 3;
  static constexpr int kMostLevelsAbove = 7;  // bounds how many of them a tree may have
  std::uint16_t questions[1 << kLevels];
};

// The loops over bit slices: vectors of one bit per row, in blocks of a fixed number of rows.
struct SliceKernels {
  std::size_t words;  // per vector: rows / 64

  // Bit q of rows[r] becomes bit r of out[q]. Rows are read in blocks of 256 bits.
  void (*turn)(const std::uint8_t* const* rows, std::size_t questions, Word* out);
  // Follows all rows through one tree. `level_sizes` are the splits per level above the bottoms, then the
  // number of bottoms; `masks` has room for all of them. planes[d] becomes the vector of rows that went right
  // at level d.
  void (*follow)(const SliceSplit* splits, const SliceBottom* bottoms, const std::uint16_t* level_sizes,
                 int depth, const Word* answers, Word* masks, Word* planes);
  // The number that each row's bits in the planes make, the first plane the highest bit.
  void (*number_rows)(const Word* planes, int depth, std::uint16_t* numbers);
};

// Trees that share a line of leaf masks, and lines that are met at once.
constexpr std::size_t kMaskTrees = 8;
constexpr std::size_t kMaskGroups = 4;

struct Kernels {
  // Each bit of `words` 32-bit words becomes one byte, 0 or 1, lowest bit first.
  void (*widen)(const std::uint8_t* bits, std::size_t words, std::uint8_t* out);
  // How many of `count` thresholds, a multiple of 16, `value` reaches; NaN is never reached.
  std::uint32_t (*count_reached)(const float* thresholds, std::uint32_t count, float value);
  // left[8 * i ...] becomes what the lines places[run][first + i] have in common over all runs.
  void (*meet)(const Word* lines, const std::uint16_t* const* places, std::size_t runs, std::size_t first,
               Word* left);
  SliceKernels narrow;  // 256 rows
  SliceKernels wide;    // 512 rows
};

extern const Kernels kPlainKernels;

// Those of this machine; the plain ones when the variable MOJO_SCORER_ISA is `scalar`.
const Kernels& choose_kernels();

// The x86 kernels, or null on other machines and where the processor lacks AVX2.
const Kernels* find_x86_kernels();

}  // namespace mojo
