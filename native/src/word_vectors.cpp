#include "word_vectors.hpp"

#include <limits>

namespace mojo {

WordVectors::WordVectors(std::vector<std::string> words, std::vector<float> values, std::size_t width)
    : words_(std::move(words)), values_(std::move(values)), width_(width) {
  for (std::size_t i = 0; i < words_.size(); ++i) places_[words_[i]] = i;
}

const float* WordVectors::find(std::string_view word) const {
  auto found = places_.find(word);
  return found == places_.end() ? nullptr : &values_[found->second * width_];
}

std::vector<float> WordVectors::average(const std::vector<std::string>& words) const {
  std::vector<float> sum(width_, 0.0F);
  std::size_t known = 0;
  for (const std::string& word : words) {
    const float* vector = find(word);
    if (!vector) continue;
    ++known;
    for (std::size_t i = 0; i < width_; ++i) sum[i] += vector[i];
  }
  for (float& value : sum)
    value = known ? value / static_cast<float>(known) : std::numeric_limits<float>::quiet_NaN();
  return sum;
}

std::size_t WordVectors::nbytes() const {
  std::size_t bytes = values_.capacity() * sizeof(float);
  for (const std::string& word : words_) bytes += sizeof(std::string) + word.capacity() + 4 * sizeof(void*);
  return bytes;
}

}  // namespace mojo
