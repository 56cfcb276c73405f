// Vectors of words.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "keyed_hash.hpp"

namespace mojo {

inline constexpr const char* kWordsNotRows =
    "Word2Vec scores words, not rows: use word_vector() or sentence_vector()";

class WordVectors {
 public:
  // `values` holds `width` numbers per word. Words must differ.
  WordVectors(std::vector<std::string> words, std::vector<float> values, std::size_t width);
  WordVectors(const WordVectors&) = delete;
  WordVectors& operator=(const WordVectors&) = delete;

  std::size_t width() const { return width_; }
  // The word's vector, nullptr where training did not see it.
  const float* find(std::string_view word) const;
  // Sums in float32, in the order of the words, over the known ones, then divides; NaN if none is known.
  std::vector<float> average(const std::vector<std::string>& words) const;
  std::size_t nbytes() const;

 private:
  std::vector<std::string> words_;
  std::vector<float> values_;
  std::size_t width_;
  std::unordered_map<std::string_view, std::size_t, KeyedHash> places_;  // views into words_
};

}  // namespace mojo
