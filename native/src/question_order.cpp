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

Word low_bits(std::size_t count) { return count >= 64 ? ~Word{0} : (Word{1} << count) - 1; }

// Bits at .. at + count - 1 of `to` become the first bits of `from`.
void copy_bits(Word* to, std::size_t at, const std::uint8_t* from, std::size_t count) {
  for (std::size_t done = 0; done < count; done += 64, from += 8) {
    std::size_t some = std::min<std::size_t>(count - done, 64);
    Word mask = low_bits(some);
    Word bits = 0;
    std::memcpy(&bits, from, (some + 7) / 8);
    bits &= mask;
    std::size_t shift = (at + done) % 64;
    Word* word = to + (at + done) / 64;
    word[0] = (word[0] & ~(mask << shift)) | bits << shift;
    if (shift + some > 64) word[1] = (word[1] & ~(mask >> (64 - shift))) | bits >> (64 - shift);
  }
}

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

std::uint64_t hash_words(const Word* words, std::size_t count) {
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < count; ++i) {
    hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15U;
    hash ^= hash >> 32;
  }
  return hash;
}

}  // namespace

void QuestionBook::close_levels(ConditionTable& table, std::vector<std::uint32_t>& questions) const {
  std::vector<std::uint32_t> counts = level_counts();
  std::vector<std::vector<std::uint32_t>> by_column(counts.size());
  for (std::uint32_t e = 0; e < entries_.size(); ++e) {
    if (entries_[e].set) by_column[entries_[e].column].push_back(e);
  }
  for (std::size_t column = 0; column < counts.size(); ++column) {
    if (by_column[column].empty()) continue;
    ConditionTable::LevelRun run{};
    run.column = static_cast<std::uint32_t>(column);
    run.levels = counts[column];
    turn_sets(number_sets(by_column[column], run, table, questions), run, table);
    table.levels_.push_back(run);
  }
  table.row_bits_.shrink_to_fit();
}

// One question per meaning: the answers for all levels and, at bit `levels`, for everything else. Returns the
// meanings, `run.levels / 64 + 1` words each.
std::vector<Word> QuestionBook::number_sets(const std::vector<std::uint32_t>& entries,
                                            ConditionTable::LevelRun& run, ConditionTable& table,
                                            std::vector<std::uint32_t>& questions) const {
  std::size_t words = run.levels / 64 + 1;
  constexpr std::size_t align = ConditionTable::kLevelsAlign;
  table.size_ = (table.size_ + align - 1) / align * align;
  run.first = static_cast<std::uint32_t>(table.size_);
  std::vector<std::uint32_t> slots(std::bit_ceil(2 * entries.size() + 1));
  std::vector<Word> meaning(words);
  std::vector<Word> sets;
  sets.reserve(entries.size() * words);
  for (std::uint32_t e : entries) {
    const Entry& entry = entries_[e];
    for (std::size_t w = 0; w < words; ++w)
      meaning[w] = entry.missing ? low_bits(run.levels + 1 - 64 * w) : 0;
    copy_bits(meaning.data(), static_cast<std::size_t>(entry.first), entry.set,
              static_cast<std::size_t>(entry.count));
    std::size_t mask = slots.size() - 1;
    std::size_t at = hash_words(meaning.data(), words) & mask;
    while (slots[at] != 0 && std::memcmp(meaning.data(), &sets[(slots[at] - 1) * words], words * 8) != 0)
      at = (at + 1) & mask;
    if (slots[at] == 0) {
      slots[at] = ++run.count;
      sets.insert(sets.end(), meaning.begin(), meaning.end());
    }
    questions[e] = run.first + slots[at] - 1;
  }
  table.size_ += run.count;
  return sets;
}

// From answers by question to answers by state, in blocks of 64 x 64 bits.
void QuestionBook::turn_sets(const std::vector<Word>& sets, ConditionTable::LevelRun& run,
                             ConditionTable& table) {
  std::size_t words = run.levels / 64 + 1;
  run.row_words = (run.count + 255) / 256 * 8;
  run.rows = table.row_bits_.size();
  std::size_t states = run.levels + std::size_t{1};
  std::size_t row_bytes = std::size_t{run.row_words} * 4;
  table.row_bits_.resize(run.rows + states * row_bytes);
  for (std::size_t q = 0; q < run.count; q += 64) {
    for (std::size_t w = 0; w < words; ++w) {
      std::array<Word, 64> block{};
      for (std::size_t i = 0; i < 64 && q + i < run.count; ++i) block[i] = sets[(q + i) * words + w];
      transpose(block);
      for (std::size_t i = 0; i < 64 && 64 * w + i < states; ++i)
        std::memcpy(&table.row_bits_[run.rows + (64 * w + i) * row_bytes + q / 8], &block[i], sizeof(Word));
    }
  }
}

void QuestionBook::close_numbers(ConditionTable& table, std::vector<std::uint32_t>& questions) const {
  std::vector<std::uint32_t> entries;
  for (std::uint32_t e = 0; e < entries_.size(); ++e) {
    const Entry& entry = entries_[e];
    // A threshold that is never reached, not even by a missing value, is question 0.
    if (!entry.set && (entry.missing || !std::isnan(entry.threshold))) entries.push_back(e);
  }
  auto key = [&](std::uint32_t e) { return 2 * entries_[e].column + (entries_[e].missing ? 1 : 0); };
  std::ranges::sort(entries, [&](std::uint32_t a, std::uint32_t b) {
    if (key(a) != key(b)) return key(a) < key(b);
    float x = entries_[a].threshold;
    float y = entries_[b].threshold;
    return x < y || (!std::isnan(x) && std::isnan(y));
  });
  std::vector<float> thresholds;
  for (std::size_t at = 0; at < entries.size();) {
    const Entry& entry = entries_[entries[at]];
    ConditionTable::NumberRun run{};
    run.column = entry.column;
    run.missing = entry.missing;
    run.first = static_cast<std::uint32_t>(table.size_);
    // Java compares the value as an int with the number of levels; with none, -0.5 is a level too many.
    run.limit = entry.limit == kNoDomain ? std::numeric_limits<double>::quiet_NaN()
                : entry.limit == 0       ? std::nextafter(-1.0, 0.0)
                                         : static_cast<double>(entry.limit);
    int of = key(entries[at]);
    thresholds.clear();
    for (; at < entries.size() && key(entries[at]) == of; ++at) {
      questions[entries[at]] = static_cast<std::uint32_t>(table.size_++);
      thresholds.push_back(entries_[entries[at]].threshold);
    }
    table.append_thresholds(run, thresholds);
    table.numbers_.push_back(run);
  }
  table.thresholds_.shrink_to_fit();
}

}  // namespace mojo
