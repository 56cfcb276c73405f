// The second half of QuestionBook: from distinct entries to numbered questions.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "question_book.hpp"

namespace mojo {
namespace {

// Bit j of word i becomes bit i of word j.
void transpose(std::array<Word, 64>& words) {
  Word mask = 0x00000000ffffffffU;
  for (std::size_t step = 32; step != 0; step /= 2, mask ^= mask << step) {
    for (std::size_t i = 0; i < 64; i = (i + step + 1) & ~step) {
      Word change = (words[i] >> step ^ words[i + step]) & mask;
      words[i] ^= change << step;
      words[i + step] ^= change;
    }
  }
}

}  // namespace

void QuestionBook::close_levels(const std::vector<bool>& wanted, ConditionTable& table,
                                std::vector<std::uint32_t>& places) const {
  constexpr std::size_t align = ConditionTable::kLevelsAlign;
  std::vector<const Word*> meanings;
  for (std::size_t column = 0; column < sets_.size(); ++column) {
    if (!sets_[column]) continue;
    const Sets& sets = *sets_[column];
    meanings.clear();
    std::size_t first = (table.size_ + align - 1) / align * align;
    for (std::size_t i = 0; i < sets.entries.size(); ++i) {
      if (!wanted[sets.entries[i]]) continue;
      places[sets.entries[i]] = static_cast<std::uint32_t>(first + meanings.size());
      meanings.push_back(&sets.meanings[i * sets.words]);
    }
    if (meanings.empty()) continue;
    ConditionTable::LevelRun run{};
    run.column = static_cast<std::uint32_t>(column);
    run.levels = sets.levels;
    run.first = static_cast<std::uint32_t>(first);
    run.count = static_cast<std::uint32_t>(meanings.size());
    turn_sets(meanings, run, table);
    table.size_ = first + meanings.size();
    table.levels_.push_back(run);
  }
  table.row_bits_.shrink_to_fit();
}

// From answers by question to answers by state, in blocks of 64 x 64 bits.
void QuestionBook::turn_sets(const std::vector<const Word*>& meanings, ConditionTable::LevelRun& run,
                             ConditionTable& table) {
  run.row_words = (run.count + 255) / 256 * 8;
  run.rows = table.row_bits_.size();
  std::size_t states = run.levels + std::size_t{1};
  std::size_t row_bytes = std::size_t{run.row_words} * 4;
  table.row_bits_.resize(run.rows + states * row_bytes);
  for (std::size_t q = 0; q < run.count; q += 64) {
    for (std::size_t w = 0; w <= run.levels / 64; ++w) {
      std::array<Word, 64> block{};
      for (std::size_t i = 0; i < 64 && q + i < run.count; ++i) block[i] = meanings[q + i][w];
      transpose(block);
      for (std::size_t i = 0; i < 64 && 64 * w + i < states; ++i)
        std::memcpy(&table.row_bits_[run.rows + (64 * w + i) * row_bytes + q / 8], &block[i], sizeof(Word));
    }
  }
}

void QuestionBook::close_numbers(const std::vector<bool>& wanted, ConditionTable& table,
                                 std::vector<std::uint32_t>& places) const {
  struct Number {
    std::uint64_t order;  // by column, answer for missing values, threshold, NaN last
    std::uint32_t entry;
  };
  std::vector<Number> numbers;
  for (std::uint32_t e = 0; e < entries_.size(); ++e) {
    Entry entry = entries_[e];
    // A threshold that is never reached, not even by a missing value, is question 0.
    if (entry.set || !wanted[e] || (!entry.missing && std::isnan(std::bit_cast<float>(entry.key)))) continue;
    std::uint32_t ascending = entry.key ^ (entry.key >> 31 != 0 ? ~std::uint32_t{0} : std::uint32_t{1} << 31);
    numbers.push_back(
        {std::uint64_t{entry.column} << 33 | std::uint64_t{entry.missing} << 32 | ascending, e});
  }
  std::ranges::sort(numbers, {}, &Number::order);
  std::vector<float> thresholds;
  for (std::size_t at = 0; at < numbers.size();) {
    std::uint64_t of = numbers[at].order >> 32;
    ConditionTable::NumberRun run{};
    run.column = static_cast<std::uint32_t>(of >> 1);
    run.missing = (of & 1) != 0;
    run.first = static_cast<std::uint32_t>(table.size_);
    // Java compares the value as an int with the number of levels; with none, -0.5 is a level too many.
    std::int64_t limit = (*level_counts_)[run.column];
    run.limit = limit == kNoDomain ? std::numeric_limits<double>::quiet_NaN()
                : limit == 0       ? std::nextafter(-1.0, 0.0)
                                   : static_cast<double>(limit);
    thresholds.clear();
    for (; at < numbers.size() && numbers[at].order >> 32 == of; ++at) {
      places[numbers[at].entry] = static_cast<std::uint32_t>(table.size_++);
      thresholds.push_back(std::bit_cast<float>(entries_[numbers[at].entry].key));
    }
    table.append_thresholds(run, thresholds);
    table.numbers_.push_back(run);
  }
  table.thresholds_.shrink_to_fit();
}

}  // namespace mojo
