// Collects the questions of trees at load, each once, and makes the ConditionTable of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "condition_table.hpp"
#include "forest.hpp"

namespace mojo {

class QuestionBook {
 public:
  // `level_counts` are those of the forests, and must outlive the book. The answers of all sets by level take
  // at most `most_level_bytes`: columns with many levels and many sets have no table.
  QuestionBook(const std::vector<std::int64_t>& level_counts, std::uint64_t most_level_bytes);

  // A question's number in the book, the same for splits that mean the same. `node` is no leaf.
  std::uint32_t enter(const Forest& forest, const Node& node);
  std::size_t size() const { return entries_.size(); }
  // Whether a set found no room: its number means nothing.
  bool overflowed() const { return overflowed_; }

  // Enters the questions of `other`, unless there would then be more than `most`: numbers[i] becomes the
  // number here of its question i.
  bool absorb(const QuestionBook& other, std::size_t most, std::vector<std::uint32_t>& numbers);

  // The table of the questions, or of those that are wanted, and the place of each in it.
  ConditionTable close(std::vector<std::uint32_t>& places) const;
  ConditionTable close(const std::vector<bool>& wanted, std::vector<std::uint32_t>& places) const;

 private:
  struct Entry {
    std::uint32_t key;  // the bits of a threshold (NaN: never reached), or a number among the column's sets
    std::uint16_t column;
    bool missing;  // the answer for a missing value; of a set part of its meaning
    bool set;

    bool operator==(const Entry&) const = default;
  };

  // The sets of a column. A meaning is one bit per level, the answer; those behind the last level that any
  // set knows say what a missing value gets.
  struct Sets {
    std::size_t words = 0;     // of a meaning: at least one bit more than levels
    std::uint32_t levels = 0;  // that any of the sets knows
    std::vector<Word> meanings;
    std::vector<std::uint32_t> entries;
    std::vector<std::uint32_t> slots;  // set + 1 by hash of the meaning

    Word fill(std::size_t set) const;  // the last word of a meaning continued
    std::size_t slot_of(const Word* meaning) const;
    void rehash(std::size_t size);
  };

  static Entry make_number(const Node& node);
  std::uint32_t enter_number(Entry entry);
  std::uint32_t enter_set(std::uint16_t column, std::uint32_t levels);  // that meaning_ holds
  bool make_room(std::uint16_t column, std::uint64_t levels);
  std::size_t slot_of(Entry entry) const;
  void rehash();
  void copy_meaning(const Sets& sets, std::size_t set, std::size_t words);
  bool has(const QuestionBook& other, Entry entry);
  void close_levels(const std::vector<bool>& wanted, ConditionTable& table,
                    std::vector<std::uint32_t>& places) const;
  static void turn_sets(const std::vector<const Word*>& meanings, ConditionTable::LevelRun& run,
                        ConditionTable& table);
  void close_numbers(const std::vector<bool>& wanted, ConditionTable& table,
                     std::vector<std::uint32_t>& places) const;

  const std::vector<std::int64_t>* level_counts_;
  std::uint64_t most_level_bytes_;
  std::uint64_t level_bytes_ = 0;
  bool overflowed_ = false;
  std::vector<Entry> entries_;
  std::size_t thresholds_ = 0;               // of the entries
  std::vector<std::uint32_t> slots_;         // number + 1 of a threshold by hash
  std::vector<std::unique_ptr<Sets>> sets_;  // by column; none where none was entered
  std::vector<Word> meaning_;
};

}  // namespace mojo
