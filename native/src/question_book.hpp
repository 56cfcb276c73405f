// Collects the questions of trees at load and makes the ConditionTable of the distinct ones.
#pragma once

#include <cstdint>
#include <vector>

#include "condition_table.hpp"
#include "forest.hpp"

namespace mojo {

class QuestionBook {
 public:
  // An entry's number in the book, the same for splits written alike. `node` is no leaf.
  std::uint32_t enter(const Forest& forest, const Node& node);
  std::size_t size() const { return entries_.size(); }

  // Bytes the answers of all levels would take: columns with many levels and many sets have no table.
  std::uint64_t level_bytes() const;

  // The table, and by entry the number of its question. Questions that mean the same become one.
  ConditionTable close(std::vector<std::uint32_t>& questions) const;

 private:
  struct Entry {
    std::uint64_t hash;
    const std::uint8_t* set;  // null: a threshold
    std::int32_t first;       // levels of the set
    std::int32_t count;
    float threshold;     // NaN: never reached
    std::int64_t limit;  // levels of the column
    std::uint16_t column;
    bool missing;  // the answer for a missing value

    bool operator==(const Entry& other) const;
  };

  static Entry make_entry(const Forest& forest, const Node& node);
  std::vector<std::uint32_t> level_counts() const;  // by column, 0 without sets
  void close_levels(ConditionTable& table, std::vector<std::uint32_t>& questions) const;
  std::vector<Word> number_sets(const std::vector<std::uint32_t>& entries, ConditionTable::LevelRun& run,
                                ConditionTable& table, std::vector<std::uint32_t>& questions) const;
  static void turn_sets(const std::vector<Word>& sets, ConditionTable::LevelRun& run, ConditionTable& table);
  void close_numbers(ConditionTable& table, std::vector<std::uint32_t>& questions) const;
  void grow();

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  // entry + 1 by hash
};

}  // namespace mojo
