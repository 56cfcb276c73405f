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

// Every row brings the answers of its level, one bit per question: turned, they are one bit per row.
void ConditionTable::slice_levels(const LevelRun& run, const double* values, std::size_t row_stride,
                                  std::size_t rows, const SliceKernels& kernels, Word* answers) const {
  std::array<const std::uint8_t*, kMostRows> answers_of;
  for (std::size_t r = 0; r < 64 * kernels.words; ++r) {
    double value = r < rows ? values[r * row_stride] : 0;
    answers_of[r] = row_bits_.data() + run.rows + std::size_t{run.state_of(value)} * run.row_words * 4;
  }
  kernels.turn(answers_of.data(), run.count, answers);
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
