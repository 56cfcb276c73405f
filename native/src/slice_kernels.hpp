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

template <int Words>
MOJO_INLINE void answer_levels_body(const Word* tables, const SetPart* parts, std::size_t part_count,
                                    const Word* sets, std::size_t set_words, std::size_t questions,
                                    Word* out) {
  constexpr int n = Words / 4;
  for (std::size_t q = 0; q < questions; ++q, sets += set_words, out += Words) {
    WordVector any[n] = {};
    const Word* table = tables;
    for (std::size_t p = 0; p < part_count; ++p) {
      Word set = sets[parts[p].word];
      const Word* group = table;
      for (int quads = parts[p].quads; quads > 0; --quads) {
        for (int g = 0; g < 4; ++g, group += 16 * Words) {
          const Word* entry = group + (set >> (4 * g) & 15) * Words;
          for (int v = 0; v < n; ++v) {
            WordVector part;
            load_vector(part, entry + 4 * v);
            any[v] |= part;
          }
        }
        set >>= 16;
      }
      table += 16 * 16 * Words;
    }
    for (int v = 0; v < n; ++v) store_vector(out + 4 * v, any[v]);
  }
}

template <int Words>
MOJO_INLINE void follow_body(const SliceSplit* splits, const std::uint16_t* level_sizes, int depth,
                             const Word* answers, Word* masks, Word* planes) {
  constexpr int n = Words / 4;
  for (int i = 0; i < Words; ++i) masks[i] = ~Word{0};
  const Word* from = masks;
  Word* to = masks + Words;
  for (int level = 0; level < depth; ++level) {
    WordVector gone_right[n] = {};
    bool last = level + 1 == depth;  // its children are leaves: nobody asks which rows reach them
    for (int i = 0; i < level_sizes[level]; ++i, ++splits, from += Words) {
      const Word* answer = answers + std::size_t{splits->question} * Words;
      __builtin_prefetch(answers + std::size_t{splits[kSplitsAhead].question} * Words);
      WordVector here[n], right[n];
      for (int v = 0; v < n; ++v) {
        WordVector yes;
        load_vector(here[v], from + 4 * v);
        load_vector(yes, answer + 4 * v);
        right[v] = here[v] & yes;
        gone_right[v] |= right[v];
      }
      if (last) continue;
      // Both are written before it is known whether the children are splits; what follows writes over leaves.
      for (int v = 0; v < n; ++v) store_vector(to + 4 * v, here[v] ^ right[v]);
      to += splits->left_splits ? Words : 0;
      for (int v = 0; v < n; ++v) store_vector(to + 4 * v, right[v]);
      to += splits->right_splits ? Words : 0;
    }
    for (int v = 0; v < n; ++v) store_vector(planes + 4 * v, gone_right[v]);
    planes += Words;
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
