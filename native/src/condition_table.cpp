#include "condition_table.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "java_numbers.hpp"

namespace mojo {
namespace {

using Floats = float __attribute__((vector_size(16)));
using Masks = std::int32_t __attribute__((vector_size(16)));

// The largest float that is not above `value`: for a float t, value >= t is the same as it >= t.
float round_down(double value) {
  auto nearest = static_cast<float>(value);
  return static_cast<double>(nearest) > value ? std::nextafter(nearest, -INFINITY) : nearest;
}

}  // namespace

std::uint32_t ConditionTable::LevelRun::state_of(double value) const {
  if (std::isnan(value)) return levels;
  std::int32_t level = to_int(value);
  return level < 0 || static_cast<std::uint32_t>(level) >= levels ? levels
                                                                  : static_cast<std::uint32_t>(level);
}

std::size_t ConditionTable::nbytes() const {
  return levels_.capacity() * sizeof(LevelRun) + numbers_.capacity() * sizeof(NumberRun) +
         thresholds_.capacity() * sizeof(float) + row_bits_.capacity();
}

void ConditionTable::answer(const double* row, std::uint8_t* answers) const {
  // In the order of the questions: what a run writes behind its end, the next one writes again.
  answers[0] = 0;
  auto widen = choose_kernels().widen;
  for (const LevelRun& run : levels_) {
    std::size_t state = run.state_of(row[run.column]);
    widen(row_bits_.data() + run.rows + state * run.row_words * 4, (run.count + 31) / 32,
          answers + run.first);
  }
  for (const NumberRun& run : numbers_) answer_numbers(run, row[run.column], answers + run.first);
}

ConditionTable::Questions ConditionTable::questions(std::size_t run) const {
  if (run < levels_.size()) return {levels_[run].first, levels_[run].count};
  const NumberRun& numbers = numbers_[run - levels_.size()];
  return {numbers.first, numbers.count};
}

std::size_t ConditionTable::states(std::size_t run) const {
  return run < levels_.size() ? levels_[run].levels + std::size_t{1} : questions(run).count + std::size_t{1};
}

bool ConditionTable::is_yes(std::size_t run, std::uint32_t state, std::uint32_t question) const {
  std::uint32_t at = question - questions(run).first;
  if (run >= levels_.size()) return at < state;
  const LevelRun& levels = levels_[run];
  return (row_bits_[levels.rows + std::size_t{state} * levels.row_words * 4 + at / 8] >> at % 8 & 1) != 0;
}

void ConditionTable::find_states(const double* row, std::uint32_t* states) const {
  for (const LevelRun& run : levels_) *states++ = run.state_of(row[run.column]);
  for (const NumberRun& run : numbers_) *states++ = static_cast<std::uint32_t>(rank(run, row[run.column]));
}

// In the order of the questions: numbers come behind the levels, whose last byte they share.
void ConditionTable::answer_bits(const double* row, Word* bits) const {
  auto* bytes = reinterpret_cast<std::uint8_t*>(bits);
  bits[0] = 0;
  std::size_t done = 1;  // bytes
  for (const LevelRun& run : levels_) {
    std::size_t state = run.state_of(row[run.column]);
    std::size_t count = (run.count + 7) / 8;
    std::memcpy(bytes + run.first / 8, row_bits_.data() + run.rows + state * run.row_words * 4, count);
    done = run.first / 8 + count;
  }
  std::memset(bytes + done, 0, bit_words() * sizeof *bits - done);
  for (const NumberRun& run : numbers_) {
    std::size_t from = run.first;
    std::size_t to = from + rank(run, row[run.column]);
    if (from / 8 == to / 8) {
      bytes[from / 8] |= static_cast<std::uint8_t>((1U << to % 8) - (1U << from % 8));
      continue;
    }
    bytes[from / 8] |= static_cast<std::uint8_t>(0xffU << from % 8);
    std::memset(bytes + from / 8 + 1, 0xff, to / 8 - from / 8 - 1);
    bytes[to / 8] |= static_cast<std::uint8_t>((1U << to % 8) - 1);
  }
}

// How many of the run's questions are answered with yes: they are its first ones. Counting needs no branch
// that nobody could foresee: first among the last threshold of every part, then in the part that is left.
std::size_t ConditionTable::rank(const NumberRun& run, double value) const {
  if (run.is_missing(value)) return run.missing ? run.count : 0;
  float rounded = round_down(value);
  const float* thresholds = thresholds_.data() + run.thresholds;
  auto count_reached = choose_kernels().count_reached;
  if (run.is_short()) return count_reached(thresholds, padded(run.count), rounded);
  std::uint32_t part = count_reached(thresholds + padded(run.count), parts(run.count), rounded) * kPart;
  return part + count_reached(thresholds + part, std::min(kPart, padded(run.count) - part), rounded);
}

void ConditionTable::answer_numbers(const NumberRun& run, double value, std::uint8_t* answers) const {
  if (!run.is_short()) {
    std::size_t yes = rank(run, value);
    std::memset(answers, 1, yes);
    std::memset(answers + yes, 0, run.count - yes);
    return;
  }
  bool missing = run.is_missing(value);
  Floats rounded = Floats{} + (missing ? std::numeric_limits<float>::quiet_NaN() : round_down(value));
  Masks always = Masks{} + (missing && run.missing ? 0x01010101 : 0);
  const float* thresholds = thresholds_.data() + run.thresholds;
  for (std::uint32_t i = 0; i < run.count; i += 16) {
    Floats t[4];
    std::memcpy(t, thresholds + i, sizeof t);
    Masks bytes = ((rounded >= t[0]) & 0x00000001) | ((rounded >= t[1]) & 0x00000100) |
                  ((rounded >= t[2]) & 0x00010000) | ((rounded >= t[3]) & 0x01000000) | always;
    std::memcpy(answers + i, &bytes, sizeof bytes);
  }
}

void ConditionTable::append_thresholds(NumberRun& run, std::span<const float> ascending) {
  run.thresholds = static_cast<std::uint32_t>(thresholds_.size());
  run.count = static_cast<std::uint32_t>(ascending.size());
  thresholds_.resize(run.thresholds + padded(run.count), std::numeric_limits<float>::quiet_NaN());
  for (std::uint32_t i = 0; i < run.count; ++i) {
    std::uint32_t place = run.is_short() ? i / 16 * 16 + i % 4 * 4 + i % 16 / 4 : i;
    thresholds_[run.thresholds + place] = ascending[i];
  }
  if (run.is_short()) return;
  std::size_t last = thresholds_.size();
  thresholds_.resize(last + parts(run.count), std::numeric_limits<float>::quiet_NaN());
  for (std::uint32_t i = kPart; i <= run.count; i += kPart) thresholds_[last++] = ascending[i - 1];
}

}  // namespace mojo
