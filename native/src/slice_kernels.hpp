// Bodies of the slice kernels in portable vectors. Only for kernels_plain.cpp and kernels_x86.cpp: each
// compiles them for its own instructions, so nothing here may become a shared function.
#pragma once

#include <cstring>

#include "kernels.hpp"

#define MOJO_INLINE static inline __attribute__((always_inline))

namespace mojo {

using WordVector = Word __attribute__((vector_size(32)));
using RowVector = std::uint16_t __attribute__((vector_size(32)));

MOJO_INLINE void load_vector(WordVector& to, const Word* from) { std::memcpy(&to, from, sizeof to); }
MOJO_INLINE void store_vector(Word* to, const WordVector& from) { std::memcpy(to, &from, sizeof from); }

// Exchanges the off-diagonal blocks of Step x Step bits.
template <int Step>
MOJO_INLINE void exchange(WordVector& a, WordVector& b) {
  constexpr Word low = ~Word{0} / ((Word{1} << Step) + 1);
  WordVector change = (a >> Step ^ b) & low;
  a ^= change << Step;
  b ^= change;
}

// Three of the six steps that transpose 64 x 64 bits, on rows that are `Step / 4` apart: they stay in
// registers.
template <int Step>
MOJO_INLINE void exchange_eight(WordVector* block) {
  constexpr int apart = Step / 4;
  WordVector v[8];
  for (int i = 0; i < 8; ++i) v[i] = block[i * apart];
  for (int i = 0; i < 4; ++i) exchange<Step>(v[i], v[i + 4]);
  for (int i = 0; i < 8; i += 4) exchange<Step / 2>(v[i], v[i + 2]), exchange<Step / 2>(v[i + 1], v[i + 3]);
  for (int i = 0; i < 8; i += 2) exchange<Step / 4>(v[i], v[i + 1]);
  for (int i = 0; i < 8; ++i) block[i * apart] = v[i];
}

// 256 x 256 bits at a time: four blocks of 64 rows, each of four blocks of 64 questions side by side.
template <int Words>
MOJO_INLINE void turn_body(const std::uint8_t* const* rows, std::size_t questions, Word* out) {
  WordVector block[4][64];
  for (std::size_t q = 0; q < questions; q += 256) {
    for (int v = 0; v < Words; v += 4) {
      for (int w = 0; w < 4; ++w) {
        for (int r = 0; r < 64; ++r)
          load_vector(block[w][r], reinterpret_cast<const Word*>(rows[64 * (v + w) + r] + q / 8));
        for (int i = 0; i < 8; ++i) exchange_eight<32>(block[w] + i);
        for (int i = 0; i < 64; i += 8) exchange_eight<4>(block[w] + i);
      }
      for (int i = 0; i < 64; ++i) {
        WordVector a = block[0][i], b = block[1][i], c = block[2][i], d = block[3][i];
        WordVector ab = __builtin_shufflevector(a, b, 0, 4, 2, 6);
        WordVector cd = __builtin_shufflevector(c, d, 0, 4, 2, 6);
        WordVector to[4];
        to[0] = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
        to[2] = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
        ab = __builtin_shufflevector(a, b, 1, 5, 3, 7);
        cd = __builtin_shufflevector(c, d, 1, 5, 3, 7);
        to[1] = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
        to[3] = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
        for (std::size_t lane = 0; lane < 4; ++lane) {
          std::size_t question = q + 64 * lane + static_cast<std::size_t>(i);
          if (question < questions) store_vector(out + question * Words + v, to[lane]);
        }
      }
    }
  }
}

template <int Words>
MOJO_INLINE void follow_body(const SliceSplit* splits, const SliceBottom* bottoms,
                             const std::uint16_t* level_sizes, int depth, const Word* answers, Word* masks,
                             Word* planes) {
  constexpr int n = Words / 4;
  int upper = depth - SliceBottom::kLevels;
  for (int i = 0; i < Words; ++i) masks[i] = ~Word{0};
  const Word* from = masks;
  Word* to = masks + Words;
  for (int level = 0; level < upper; ++level) {
    WordVector gone_right[n] = {};
    for (int i = 0; i < level_sizes[level]; ++i, ++splits, from += Words) {
      const Word* answer = answers + std::size_t{splits->question} * Words;
      WordVector here[n], right[n];
      for (int v = 0; v < n; ++v) {
        WordVector yes;
        load_vector(here[v], from + 4 * v);
        load_vector(yes, answer + 4 * v);
        right[v] = here[v] & yes;
        gone_right[v] |= right[v];
      }
      // Both are written before it is known whether the children are splits; what follows writes over leaves.
      for (int v = 0; v < n; ++v) store_vector(to + 4 * v, here[v] ^ right[v]);
      to += splits->left_splits ? Words : 0;
      for (int v = 0; v < n; ++v) store_vector(to + 4 * v, right[v]);
      to += splits->right_splits ? Words : 0;
    }
    for (int v = 0; v < n; ++v) store_vector(planes + 4 * v, gone_right[v]);
    planes += Words;
  }
  WordVector gone_right[3][n] = {};
  for (int i = 0; i < level_sizes[upper]; ++i, ++bottoms, from += Words) {
    const std::uint16_t* ask = bottoms->questions;
    for (int v = 0; v < n; ++v) {
      WordVector here, right, left_right, right_right, yes;
      load_vector(here, from + 4 * v);
      load_vector(yes, answers + std::size_t{ask[1]} * Words + 4 * v);
      right = here & yes;
      gone_right[0][v] |= right;
      load_vector(yes, answers + std::size_t{ask[2]} * Words + 4 * v);
      left_right = (here ^ right) & yes;
      load_vector(yes, answers + std::size_t{ask[3]} * Words + 4 * v);
      right_right = right & yes;
      gone_right[1][v] |= left_right | right_right;
      load_vector(yes, answers + std::size_t{ask[4]} * Words + 4 * v);
      gone_right[2][v] |= (here ^ right ^ left_right) & yes;
      load_vector(yes, answers + std::size_t{ask[5]} * Words + 4 * v);
      gone_right[2][v] |= left_right & yes;
      load_vector(yes, answers + std::size_t{ask[6]} * Words + 4 * v);
      gone_right[2][v] |= (right ^ right_right) & yes;
      load_vector(yes, answers + std::size_t{ask[7]} * Words + 4 * v);
      gone_right[2][v] |= right_right & yes;
    }
  }
  for (int level = 0; level < 3; ++level, planes += Words)
    for (int v = 0; v < n; ++v) store_vector(planes + 4 * v, gone_right[level][v]);
}

template <int Words>
MOJO_INLINE void number_rows_body(const Word* planes, int depth, std::uint16_t* numbers) {
  const RowVector bit = {1,      1 << 1, 1 << 2,  1 << 3,  1 << 4,  1 << 5,  1 << 6,  1 << 7,
                         1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15};
  for (int at = 0; at < 4 * Words; ++at) {
    RowVector number = {};
    for (int level = 0; level < depth; ++level) {
      std::uint16_t rows;
      std::memcpy(&rows, reinterpret_cast<const char*>(planes + level * Words) + 2 * at, sizeof rows);
      RowVector set = (RowVector)(((RowVector{} + rows) & bit) == bit);  // all ones where the bit is set
      number = number + number - set;
    }
    std::memcpy(numbers + 16 * at, &number, sizeof number);
  }
}

}  // namespace mojo
