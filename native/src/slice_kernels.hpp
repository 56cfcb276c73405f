// Bodies of the kernels over masks and bit slices in portable vectors. Only for kernels_plain.cpp and
// kernels_x86.cpp: each compiles them for its own instructions, so nothing here may become a shared function.
#pragma once

#include <cstring>

#include "kernels.hpp"

#define MOJO_INLINE static inline __attribute__((always_inline))

namespace mojo {

using WordVector = Word __attribute__((vector_size(32)));
using ByteVector = std::uint8_t __attribute__((vector_size(32)));
using RowVector = std::uint16_t __attribute__((vector_size(32)));

MOJO_INLINE void load_vector(WordVector& to, const Word* from) { std::memcpy(&to, from, sizeof to); }
MOJO_INLINE void store_vector(Word* to, const WordVector& from) { std::memcpy(to, &from, sizeof from); }

MOJO_INLINE void meet_body(const Word* lines, const std::uint16_t* const* places, std::size_t runs,
                           std::size_t first, Word* left) {
  WordVector all[2 * kMaskGroups];
#pragma GCC unroll 8
  for (WordVector& some : all) some = ~WordVector{};
  for (std::size_t run = 0; run < runs; ++run) {
    const std::uint16_t* place = places[run] + first;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kMaskGroups; ++i) {
      const Word* line = lines + kMaskTrees * place[i];
      WordVector half;
      load_vector(half, line);
      all[2 * i] &= half;
      load_vector(half, line + kMaskTrees / 2);
      all[2 * i + 1] &= half;
    }
  }
#pragma GCC unroll 8
  for (std::size_t i = 0; i < 2 * kMaskGroups; ++i) store_vector(left + 4 * i, all[i]);
}

// Makes of eight vectors, which are rows of bytes, their columns: two of them per half of a vector, so that
// column c of a half is word c % 2 of v[c / 2]. Three perfect shuffles do that.
MOJO_INLINE void turn_bytes(ByteVector* v) {
  for (int step = 0; step < 3; ++step) {
    ByteVector shuffled[8];
    for (int i = 0; i < 4; ++i) {
      shuffled[2 * i] =
          __builtin_shufflevector(v[i], v[i + 4], 0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 16,
                                  48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55);
      shuffled[2 * i + 1] =
          __builtin_shufflevector(v[i], v[i + 4], 8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15,
                                  47, 24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63);
    }
    for (int i = 0; i < 8; ++i) v[i] = shuffled[i];
  }
}

// Exchanges the off-diagonal blocks of Step x Step bits.
template <int Step>
MOJO_INLINE void exchange(WordVector& a, WordVector& b) {
  constexpr Word low = ~Word{0} / ((Word{1} << Step) + 1);
  WordVector change = (a >> Step ^ b) & low;
  a ^= change << Step;
  b ^= change;
}

// Turns blocks of 8 x 8 bits: one of each of the eight vectors' bytes.
MOJO_INLINE void turn_bits(WordVector* v) {
  for (int i = 0; i < 4; ++i) exchange<4>(v[i], v[i + 4]);
  for (int i = 0; i < 8; i += 4) exchange<2>(v[i], v[i + 2]), exchange<2>(v[i + 1], v[i + 3]);
  for (int i = 0; i < 8; i += 2) exchange<1>(v[i], v[i + 1]);
}

// 256 questions of 256 rows at a time, in four blocks of 64 rows: first their bytes, of rows eight apart,
// then the bits in them, last the blocks side by side.
template <int Words>
MOJO_INLINE void turn_body(const std::uint8_t* const* rows, std::size_t questions, Word* out) {
  WordVector block[4][64];  // by byte: word `block[w][8 * (byte / 2) + bit][byte % 2]` for either half
  for (std::size_t q = 0; q < questions; q += 256) {
    for (int v = 0; v < Words; v += 4) {
      for (int w = 0; w < 4; ++w) {
        for (int i = 0; i < 8; ++i) {
          ByteVector bytes[8];
          for (int r = 0; r < 8; ++r) {
            const std::uint8_t* row = rows[64 * (v + w) + 8 * r + i] + q / 8;
            std::memcpy(&bytes[r], row, sizeof bytes[r]);
            __builtin_prefetch(row + 64);  // a hundred levels are more streams than a processor foresees
          }
          turn_bytes(bytes);
          for (int r = 0; r < 8; ++r) block[w][8 * r + i] = (WordVector)bytes[r];
        }
        for (int i = 0; i < 64; i += 8) {
          WordVector bits[8];
          for (int k = 0; k < 8; ++k) bits[k] = block[w][i + k];
          turn_bits(bits);
          for (int k = 0; k < 8; ++k) block[w][i + k] = bits[k];
        }
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
        std::size_t first = q + static_cast<std::size_t>(i / 8 * 16 + i % 8);
        for (std::size_t lane = 0; lane < 4; ++lane) {
          std::size_t question = first + lane / 2 * 128 + lane % 2 * 8;
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
  // Deep in a tree most places are reached by none of 256 rows: only the others are worth their questions.
  std::uint16_t places[1 << SliceBottom::kMostLevelsAbove];
  for (int v = 0; v < n; ++v, from += 4, answers += 4, planes += 4) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < level_sizes[upper]; ++i) {
      const Word* here = from + i * Words;
      places[count] = static_cast<std::uint16_t>(i);
      count += (here[0] | here[1] | here[2] | here[3]) != 0 ? 1 : 0;
    }
    WordVector gone_right[3] = {};
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint16_t* ask = bottoms[places[i]].questions;
      WordVector here, right, left_right, right_right, yes;
      load_vector(here, from + places[i] * Words);
      load_vector(yes, answers + std::size_t{ask[1]} * Words);
      right = here & yes;
      gone_right[0] |= right;
      load_vector(yes, answers + std::size_t{ask[2]} * Words);
      left_right = (here ^ right) & yes;
      load_vector(yes, answers + std::size_t{ask[3]} * Words);
      right_right = right & yes;
      gone_right[1] |= left_right | right_right;
      load_vector(yes, answers + std::size_t{ask[4]} * Words);
      gone_right[2] |= (here ^ right ^ left_right) & yes;
      load_vector(yes, answers + std::size_t{ask[5]} * Words);
      gone_right[2] |= left_right & yes;
      load_vector(yes, answers + std::size_t{ask[6]} * Words);
      gone_right[2] |= (right ^ right_right) & yes;
      load_vector(yes, answers + std::size_t{ask[7]} * Words);
      gone_right[2] |= right_right & yes;
    }
    for (int level = 0; level < 3; ++level) store_vector(planes + level * Words, gone_right[level]);
  }
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
