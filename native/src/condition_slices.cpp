// Answers for a block of rows at once: one vector of bits per question.
#include <algorithm>
#include <array>
#include <cstring>

#include "condition_table.hpp"

namespace mojo {
namespace {

constexpr std::size_t kMostRows = 512;
constexpr std::uint16_t kNone = 0xffff;

}  // namespace

void ConditionTable::answer_slices(const double* values, std::size_t row_stride, std::size_t rows,
                                   const SliceKernels& kernels, Word* answers) const {
  std::memset(answers, 0, kernels.words * sizeof(Word));
  for (const LevelRun& run : levels_) {
    slice_levels(run, values + run.column, row_stride, rows, kernels, answers + run.first * kernels.words);
  }
  for (const NumberRun& run : numbers_) {
    slice_numbers(run, values + run.column, row_stride, rows, kernels.words,
                  answers + run.first * kernels.words);
  }
}

// Levels in groups of four: a table per group says for each of the 16 sets of its levels which rows are in
// it. Only words of 64 levels that some row is in take part.
void ConditionTable::slice_levels(const LevelRun& run, const double* values, std::size_t row_stride,
                                  std::size_t rows, const SliceKernels& kernels, Word* answers) const {
  constexpr std::size_t sets = 16;
  constexpr std::size_t groups = 16;  // in a word
  std::size_t words = kernels.words;
  std::vector<std::uint16_t> part_of(run.set_words, kNone);
  std::vector<SetPart> parts;
  std::vector<Word> tables;
  for (std::size_t r = 0; r < rows; ++r) {
    std::size_t state = run.state_of(values[r * row_stride]);
    std::uint16_t& part = part_of[state / 64];
    if (part == kNone) {
      part = static_cast<std::uint16_t>(parts.size());
      std::size_t states = std::min<std::size_t>(64, run.levels + 1 - state / 64 * 64);
      parts.push_back(
          {static_cast<std::uint16_t>(state / 64), static_cast<std::uint16_t>((states + 15) / 16)});
      tables.resize(parts.size() * groups * sets * words);
    }
    std::size_t group = groups * part + state % 64 / 4;
    tables[(sets * group + (std::size_t{1} << state % 4)) * words + r / 64] |= Word{1} << r % 64;
  }
  for (std::size_t group = 0; group < parts.size() * groups; ++group) {
    Word* table = &tables[sets * group * words];
    for (std::size_t set = 3; set < sets; ++set) {
      std::size_t rest = set & (set - 1);  // without its lowest level
      if (rest == 0) continue;
      for (std::size_t w = 0; w < words; ++w)
        table[set * words + w] = table[rest * words + w] | table[(set ^ rest) * words + w];
    }
  }
  kernels.answer_levels(tables.data(), parts.data(), parts.size(), sets_.data() + run.sets, run.set_words,
                        run.count, answers);
}

// From question to question only those rows drop out whose value does not reach the threshold.
void ConditionTable::slice_numbers(const NumberRun& run, const double* values, std::size_t row_stride,
                                   std::size_t rows, std::size_t words, Word* answers) const {
  std::vector<std::uint16_t> last_of(run.count + 1, kNone);  // by rank: its last row, then the ones before it
  std::array<std::uint16_t, kMostRows> before;
  for (std::size_t r = 0; r < rows; ++r) {
    std::uint16_t& last = last_of[rank(run, values[r * row_stride])];
    before[r] = last;
    last = static_cast<std::uint16_t>(r);
  }
  std::array<Word, kMostRows / 64> yes;
  yes.fill(~Word{0});
  for (std::size_t q = 0; q < run.count; ++q) {
    for (std::uint16_t r = last_of[q]; r != kNone; r = before[r]) yes[r / 64] &= ~(Word{1} << r % 64);
    std::memcpy(answers + q * words, yes.data(), words * sizeof(Word));
  }
}

}  // namespace mojo
