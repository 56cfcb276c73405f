#include "question_book.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

#include "keyed_hash.hpp"

namespace mojo {
namespace {

constexpr std::uint64_t kMostLevels = 4'000'000;  // words of 64 are counted in 16 bits
constexpr std::size_t kFewSlots = 64;

Word low_bits(std::size_t count) { return count >= 64 ? ~Word{0} : (Word{1} << count) - 1; }

// The first `count` bits of `from` become bits at .. at + count - 1 of `to`.
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

// Bytes that answers about so many levels take while they are turned.
std::uint64_t level_bytes(std::uint64_t words) { return words * 2 * sizeof(Word); }

}  // namespace

QuestionBook::QuestionBook(const std::vector<std::int64_t>& level_counts, std::uint64_t most_level_bytes)
    : level_counts_(&level_counts),
      most_level_bytes_(most_level_bytes),
      slots_(kFewSlots),
      sets_(level_counts.size()) {}

std::uint32_t QuestionBook::enter(const Forest& forest, const Node& node) {
  if (node.kind != Node::level_set) return enter_number(make_number(node));
  const LevelSet& set = forest.sets[node.set];
  std::uint64_t levels =
      set.count > 0 ? std::uint64_t(std::uint32_t(set.first)) + std::uint32_t(set.count) : 0;
  if (!make_room(node.column, levels)) return 0;
  meaning_.assign(sets_[node.column]->words, node.missing_left ? 0 : ~Word{0});
  if (set.count > 0)
    copy_bits(meaning_.data(), std::size_t(set.first), &forest.bits[set.bit / 8], std::size_t(set.count));
  return enter_set(node.column, static_cast<std::uint32_t>(levels));
}

// "Right when missing" is a threshold that no value reaches.
QuestionBook::Entry QuestionBook::make_number(const Node& node) {
  bool reachable = node.kind != Node::missing_only && !std::isnan(node.value);
  float threshold = reachable ? node.value + 0.0F : std::numeric_limits<float>::quiet_NaN();
  return {std::bit_cast<std::uint32_t>(threshold), node.column, !node.missing_left, false};
}

std::size_t QuestionBook::slot_of(Entry entry) const {
  std::size_t mask = slots_.size() - 1;
  std::size_t slot = keyed_hash(std::bit_cast<std::uint64_t>(entry)) & mask;
  while (slots_[slot] != 0 && entries_[slots_[slot] - 1] != entry) slot = (slot + 1) & mask;
  return slot;
}

std::uint32_t QuestionBook::enter_number(Entry entry) {
  std::uint32_t& slot = slots_[slot_of(entry)];
  if (slot != 0) return slot - 1;
  entries_.push_back(entry);
  auto number = static_cast<std::uint32_t>(entries_.size() - 1);
  slot = number + 1;
  if (2 * ++thresholds_ >= slots_.size()) rehash();
  return number;
}

void QuestionBook::rehash() {
  slots_.assign(4 * slots_.size(), 0);
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    if (!entries_[i].set) slots_[slot_of(entries_[i])] = i + 1;
  }
}

Word QuestionBook::Sets::fill(std::size_t set) const {
  return static_cast<std::int64_t>(meanings[(set + 1) * words - 1]) < 0 ? ~Word{0} : 0;
}

std::size_t QuestionBook::Sets::slot_of(const Word* meaning) const {
  std::size_t mask = slots.size() - 1;
  std::size_t slot = keyed_hash(std::span(meaning, words)) & mask;
  while (slots[slot] != 0 && !std::equal(meaning, meaning + words, &meanings[(slots[slot] - 1) * words]))
    slot = (slot + 1) & mask;
  return slot;
}

void QuestionBook::Sets::rehash(std::size_t size) {
  slots.assign(size, 0);
  for (std::uint32_t i = 0; i < entries.size(); ++i) slots[slot_of(&meanings[i * words])] = i + 1;
}

// Meanings of the column get room for so many levels, and there is room for one more.
bool QuestionBook::make_room(std::uint16_t column, std::uint64_t levels) {
  if (!sets_[column]) sets_[column] = std::make_unique<Sets>();
  Sets& sets = *sets_[column];
  std::size_t words = sets.words;
  if (levels >= 64 * words) {
    // Wider by more than is asked for, but not than the column can use.
    auto useful = static_cast<std::uint64_t>((*level_counts_)[column]) / 64 + 1;
    words = std::max<std::size_t>(levels / 64 + 1, std::min<std::uint64_t>(useful, 2 * words));
  }
  std::uint64_t bytes = level_bytes_ + level_bytes((words - sets.words) * sets.entries.size() + words);
  if (levels > kMostLevels || bytes > most_level_bytes_) {
    overflowed_ = true;
    return false;
  }
  if (words == sets.words) return true;
  level_bytes_ = bytes - level_bytes(words);
  std::vector<Word> wider;
  wider.reserve(words * sets.entries.size());
  for (std::size_t i = 0; i < sets.entries.size(); ++i) {
    auto meaning = sets.meanings.begin() + static_cast<std::ptrdiff_t>(i * sets.words);
    wider.insert(wider.end(), meaning, meaning + static_cast<std::ptrdiff_t>(sets.words));
    wider.insert(wider.end(), words - sets.words, sets.fill(i));
  }
  sets.meanings = std::move(wider);
  sets.words = words;
  sets.rehash(std::max(kFewSlots, sets.slots.size()));
  return true;
}

std::uint32_t QuestionBook::enter_set(std::uint16_t column, std::uint32_t levels) {
  Sets& sets = *sets_[column];
  sets.levels = std::max(sets.levels, levels);
  std::uint32_t& slot = sets.slots[sets.slot_of(meaning_.data())];
  if (slot != 0) return sets.entries[slot - 1];
  auto number = static_cast<std::uint32_t>(entries_.size());
  entries_.push_back({static_cast<std::uint32_t>(sets.entries.size()), column, false, true});
  sets.entries.push_back(number);
  sets.meanings.insert(sets.meanings.end(), meaning_.begin(), meaning_.end());
  slot = static_cast<std::uint32_t>(sets.entries.size());
  level_bytes_ += level_bytes(sets.words);
  if (2 * sets.entries.size() >= sets.slots.size()) sets.rehash(4 * sets.slots.size());
  return number;
}

// A set of another book, as wide as those of this one.
void QuestionBook::copy_meaning(const Sets& sets, std::size_t set, std::size_t words) {
  const Word* meaning = &sets.meanings[set * sets.words];
  meaning_.assign(meaning, meaning + std::min(words, sets.words));
  meaning_.resize(words, sets.fill(set));
}

bool QuestionBook::has(const QuestionBook& other, Entry entry) {
  if (!entry.set) return slots_[slot_of(entry)] != 0;
  if (!sets_[entry.column]) return false;
  const Sets& theirs = *other.sets_[entry.column];
  const Sets& ours = *sets_[entry.column];
  if (theirs.levels >= 64 * ours.words) return false;  // such a meaning would be wider
  copy_meaning(theirs, entry.key, ours.words);
  return ours.slots[ours.slot_of(meaning_.data())] != 0;
}

bool QuestionBook::absorb(const QuestionBook& other, std::size_t most, std::vector<std::uint32_t>& numbers) {
  if (size() + other.size() > most) {
    std::size_t count = size();
    for (std::size_t i = 0; i < other.size() && count <= most; ++i)
      count += has(other, other.entries_[i]) ? 0 : 1;
    if (count > most) return false;
  }
  numbers.clear();
  for (Entry entry : other.entries_) {
    if (!entry.set) {
      numbers.push_back(enter_number(entry));
      continue;
    }
    const Sets& theirs = *other.sets_[entry.column];
    if (!make_room(entry.column, theirs.levels)) return false;
    copy_meaning(theirs, entry.key, sets_[entry.column]->words);
    numbers.push_back(enter_set(entry.column, theirs.levels));
  }
  return true;
}

ConditionTable QuestionBook::close(std::vector<std::uint32_t>& places) const {
  return close(std::vector<bool>(entries_.size(), true), places);
}

ConditionTable QuestionBook::close(const std::vector<bool>& wanted,
                                   std::vector<std::uint32_t>& places) const {
  ConditionTable table;
  places.assign(entries_.size(), 0);
  close_levels(wanted, table, places);
  close_numbers(wanted, table, places);
  return table;
}

}  // namespace mojo
