#include "question_book.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace mojo {
namespace {

constexpr std::uint32_t kMostLevels = 4'000'000;  // words of 64 are counted in 16 bits

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
  return hash ^ hash >> 32;
}

std::size_t bytes_for(std::int32_t bits) { return (static_cast<std::size_t>(bits) + 7) / 8; }

std::uint64_t hash_bytes(std::uint64_t hash, const std::uint8_t* bytes, std::size_t count) {
  for (; count >= 8; bytes += 8, count -= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes, 8);
    hash = mix(hash, word);
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, bytes, count);
  return mix(hash, rest);
}

// Open addressing over entries counted from 0; a slot holds entry + 1. Returns the entry that `same` accepts,
// or `fresh` after entering that.
template <class Same>
std::uint32_t find_or_enter(std::vector<std::uint32_t>& slots, std::uint64_t hash, std::uint32_t fresh,
                            Same same) {
  std::size_t mask = slots.size() - 1;
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    if (slots[at] == 0) {
      slots[at] = fresh + 1;
      return fresh;
    }
    if (same(slots[at] - 1)) return slots[at] - 1;
  }
}

}  // namespace

bool QuestionBook::Entry::operator==(const Entry& other) const {
  if (hash != other.hash || column != other.column || missing != other.missing) return false;
  if (!set || !other.set) {
    return set == other.set &&
           std::bit_cast<std::uint32_t>(threshold) == std::bit_cast<std::uint32_t>(other.threshold);
  }
  return first == other.first && count == other.count && std::memcmp(set, other.set, bytes_for(count)) == 0;
}

QuestionBook::Entry QuestionBook::make_entry(const Forest& forest, const Node& node) {
  Entry entry{};
  entry.column = node.column;
  entry.missing = !node.missing_left;
  entry.limit = forest.level_counts[node.column];
  std::uint64_t head = std::uint64_t{entry.column} << 1 | (entry.missing ? 1 : 0);
  if (node.kind == Node::level_set) {
    static constexpr std::uint8_t kEmpty = 0;
    const LevelSet& set = forest.sets[node.set];
    entry.first = set.first;
    entry.count = set.count;
    entry.set = set.count > 0 ? forest.bits.data() + set.bit / 8 : &kEmpty;
    std::uint64_t range = std::uint64_t(std::uint32_t(set.first)) << 32 | std::uint32_t(set.count);
    entry.hash = hash_bytes(mix(head + 1, range), entry.set, bytes_for(set.count));
    return entry;
  }
  // "Right when missing" is a threshold that no value reaches.
  bool reachable = node.kind != Node::missing_only && !std::isnan(node.value);
  entry.threshold = reachable ? node.value + 0.0F : std::numeric_limits<float>::quiet_NaN();
  entry.hash = mix(head, std::uint64_t{std::bit_cast<std::uint32_t>(entry.threshold)} << 20);
  return entry;
}

std::uint32_t QuestionBook::enter(const Forest& forest, const Node& node) {
  if (2 * entries_.size() >= slots_.size()) grow();
  Entry entry = make_entry(forest, node);
  auto fresh = static_cast<std::uint32_t>(entries_.size());
  std::uint32_t found =
      find_or_enter(slots_, entry.hash, fresh, [&](std::uint32_t at) { return entries_[at] == entry; });
  if (found == fresh) entries_.push_back(entry);
  return found;
}

void QuestionBook::grow() {
  slots_.assign(std::max<std::size_t>(1024, 4 * slots_.size()), 0);
  for (std::uint32_t i = 0; i < entries_.size(); ++i)
    find_or_enter(slots_, entries_[i].hash, i, [](std::uint32_t) { return false; });
}

std::vector<std::uint32_t> QuestionBook::level_counts() const {
  std::vector<std::uint32_t> counts;
  for (const Entry& entry : entries_) {
    if (!entry.set) continue;
    if (entry.column >= counts.size()) counts.resize(entry.column + 1);
    std::int64_t end = std::min<std::int64_t>(std::int64_t{entry.first} + entry.count, entry.limit);
    counts[entry.column] = std::max(counts[entry.column], static_cast<std::uint32_t>(end));
  }
  return counts;
}

std::uint64_t QuestionBook::level_bytes() const {
  std::vector<std::uint32_t> counts = level_counts();
  std::uint64_t bytes = 0;
  for (const Entry& entry : entries_) {
    if (entry.set && counts[entry.column] > kMostLevels) return ~std::uint64_t{0};
    if (entry.set) bytes += (counts[entry.column] + 64) / 64 * 16;
  }
  return bytes;
}

ConditionTable QuestionBook::close(std::vector<std::uint32_t>& questions) const {
  ConditionTable table;
  questions.assign(entries_.size(), 0);
  close_levels(table, questions);
  close_numbers(table, questions);
  return table;
}

}  // namespace mojo
