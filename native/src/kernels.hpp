// The few loops that gain from wide registers, chosen once by what this machine has.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mojo {

using Word = std::uint64_t;

// One split in the breadth-first list of a tree: its question, and which of its children are splits.
struct SliceSplit {
  std::uint32_t question : 30;
  std::uint32_t left_splits : 1;
  std::uint32_t right_splits : 1;
};

// A split's answers are fetched while this many splits before it are followed: so many more must stand behind
// the last one of a list.
constexpr std::size_t kSplitsAhead = 16;

// The levels of one word of a set, in groups of four; up to 16 of them, counted in fours.
struct SetPart {
  std::uint16_t word;
  std::uint16_t quads;
};

// The loops over bit slices: vectors of one bit per row, in blocks of a fixed number of rows.
struct SliceKernels {
  std::size_t words;  // per vector: rows / 64

  // out[q] = OR over the parts p and their groups g of tables[16 * (16 p + g) + the g-th four bits of word
  // parts[p].word of set q]. `sets` has `set_words` words per question.
  void (*answer_levels)(const Word* tables, const SetPart* parts, std::size_t part_count, const Word* sets,
                        std::size_t set_words, std::size_t questions, Word* out);
  // Follows all rows through one tree. `level_sizes` are the splits per level; `masks` has room for all of
  // them. planes[d] becomes the vector of rows that went right at level d.
  void (*follow)(const SliceSplit* splits, const std::uint16_t* level_sizes, int depth, const Word* answers,
                 Word* masks, Word* planes);
  // The number that each row's bits in the planes make, the first plane the highest bit.
  void (*number_rows)(const Word* planes, int depth, std::uint16_t* numbers);
};

struct Kernels {
  // Each bit of `words` 32-bit words becomes one byte, 0 or 1, lowest bit first.
  void (*widen)(const std::uint8_t* bits, std::size_t words, std::uint8_t* out);
  SliceKernels narrow;  // 256 rows
  SliceKernels wide;    // 512 rows
};

extern const Kernels kPlainKernels;

// Those of this machine; the plain ones when the variable MOJO_SCORER_ISA is `scalar`.
const Kernels& choose_kernels();

// The x86 kernels, or null on other machines and where the processor lacks AVX2.
const Kernels* find_x86_kernels();

}  // namespace mojo
