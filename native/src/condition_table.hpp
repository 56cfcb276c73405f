// The distinct questions that some trees ask, answered once per row: a step of a walk is then one look into
// the answers, and every odd case (missing values, odd thresholds, levels out of range) is decided at load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels.hpp"

namespace mojo {

class ConditionTable {
 public:
  // Bytes that may be read or written behind the last answer.
  static constexpr std::size_t kSlack = 64;
  // Questions about the levels of a column start at a multiple of this, so that their bits are whole bytes.
  static constexpr std::size_t kLevelsAlign = 8;

  // Questions are numbered from 0; question 0 is always answered with no.
  std::size_t size() const { return size_; }
  std::size_t nbytes() const;

  // answers[q] becomes 1 (go right) or 0. `answers` has size() + kSlack places.
  void answer(const double* row, std::uint8_t* answers) const;

  // Questions stand in runs: a row's answers to all of a run follow from one state, the level of a column or
  // how many thresholds its value reaches.
  struct Questions {
    std::uint32_t first;
    std::uint32_t count;
  };
  std::size_t runs() const { return levels_.size() + numbers_.size(); }
  Questions questions(std::size_t run) const;
  std::size_t states(std::size_t run) const;  // their number
  // Whether the questions answered with yes are the first ones, more of them with each state.
  bool is_ascending(std::size_t run) const { return run >= levels_.size(); }
  bool is_yes(std::size_t run, std::uint32_t state, std::uint32_t question) const;
  // states[run] becomes the row's state.
  void find_states(const double* row, std::uint32_t* states) const;

  // The same as bits: bit q % 64 of bits[q / 64]. `bits` has bit_words() places.
  void answer_bits(const double* row, Word* bits) const;
  std::size_t bit_words() const { return size_ / 64 + 1; }

  // The same for up to 64 * kernels.words rows: answers[q * words ...] has one bit per row; bits of rows
  // beyond `rows` mean nothing. `row_stride` values lie between two rows.
  void answer_slices(const double* values, std::size_t row_stride, std::size_t rows,
                     const SliceKernels& kernels, Word* answers) const;

 private:
  friend class QuestionBook;

  // Questions `value >= threshold` about one column with one side for missing values, thresholds ascending.
  struct NumberRun {
    std::uint32_t column;
    std::uint32_t first;  // question
    std::uint32_t count;
    std::uint32_t thresholds;  // where they start
    double limit;              // from here on a value counts as missing; NaN for columns without a domain
    bool missing;              // the answer for a missing value

    bool is_missing(double value) const { return value != value || value >= limit; }
    // Short runs compare with every threshold; longer ones search.
    bool is_short() const { return count <= 128; }
  };

  // Questions about the level of one column.
  struct LevelRun {
    std::uint32_t column;
    std::uint32_t first;
    std::uint32_t count;
    std::uint32_t levels;  // one more state stands for everything else: missing, out of range
    std::uint64_t rows;    // where in row_bits_ the answers by state start, 4 * row_words bytes per state
    std::uint32_t row_words;

    std::uint32_t state_of(double value) const;
  };

  static constexpr std::uint32_t kPart = 32;  // thresholds of a longer run that are counted at once

  static std::uint32_t padded(std::uint32_t count) { return (count + 15) / 16 * 16; }
  static std::uint32_t parts(std::uint32_t count) { return padded(count / kPart); }
  void append_thresholds(NumberRun& run, std::span<const float> ascending);
  std::size_t rank(const NumberRun& run, double value) const;
  void answer_numbers(const NumberRun& run, double value, std::uint8_t* answers) const;
  void slice_levels(const LevelRun& run, const double* values, std::size_t row_stride, std::size_t rows,
                    const SliceKernels& kernels, Word* answers) const;
  void slice_numbers(const NumberRun& run, const double* values, std::size_t row_stride, std::size_t rows,
                     std::size_t words, Word* answers) const;

  std::size_t size_ = 1;
  std::vector<LevelRun> levels_;
  std::vector<NumberRun> numbers_;
  // Each run is padded with NaN to a multiple of 16. In short runs every 16 thresholds stand in columns of
  // four: the answers then come out of four comparisons in the order of the questions. Behind a longer run
  // stands the last threshold of each of its parts, padded in the same way.
  std::vector<float> thresholds_;
  std::vector<std::uint8_t> row_bits_;
};

}  // namespace mojo
