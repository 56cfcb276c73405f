// The levels of a column, in one piece of text: a file may list millions of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace mojo {

class Domain {
 public:
  class Iterator {
   public:
    using iterator_concept = std::forward_iterator_tag;
    using iterator_category = std::input_iterator_tag;  // `*` makes a view, it refers to none
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = std::string_view;

    Iterator() = default;
    Iterator(const Domain* domain, std::size_t at) : domain_(domain), at_(at) {}
    std::string_view operator*() const { return (*domain_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) { return {domain_, at_++}; }
    difference_type operator-(Iterator other) const {
      return static_cast<difference_type>(at_) - static_cast<difference_type>(other.at_);
    }
    bool operator==(const Iterator&) const = default;

   private:
    const Domain* domain_ = nullptr;
    std::size_t at_ = 0;
  };

  // Makes room, so that adding them takes no more.
  void reserve(std::size_t levels, std::size_t bytes);
  // Throws FormatError when the text of all levels outgrows 32 bits.
  void push_back(std::string_view level);

  std::size_t size() const { return ends_.size(); }
  std::string_view operator[](std::size_t level) const {
    std::uint32_t start = level == 0 ? 0 : ends_[level - 1];
    return {text_.data() + start, ends_[level] - start};
  }
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }
  bool operator==(const Domain&) const = default;
  std::vector<std::string> strings() const { return {begin(), end()}; }
  std::size_t nbytes() const { return text_.capacity() + ends_.capacity() * sizeof(std::uint32_t); }

 private:
  std::string text_;                 // the levels one behind the other
  std::vector<std::uint32_t> ends_;  // of each in it
};

// Finds a level by its text, with 6 bytes for each. Of equal levels the last counts, as in
// h2o-genmodel's maps. No file can choose levels that make it slow.
class LevelTable {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  LevelTable() = default;
  explicit LevelTable(const Domain& domain);  // which must outlive it

  // The level's index, or kNone.
  std::uint32_t find(std::string_view level) const { return domain_ ? slots_[slot_of(level)] : kNone; }

 private:
  std::size_t slot_of(std::string_view level) const;

  const Domain* domain_ = nullptr;
  std::vector<std::uint32_t> slots_;  // three quarters hold a level
};

}  // namespace mojo
