#include "word2vec.hpp"

#include <bit>
#include <unordered_set>

#include "byte_reader.hpp"
#include "keyed_hash.hpp"
#include "text_values.hpp"
#include "word_vectors.hpp"

namespace mojo {
namespace {

class Word2Vec final : public Scorer {
 public:
  Word2Vec(std::vector<std::string> words, std::vector<float> values, std::size_t width)
      : vectors(std::move(words), std::move(values), width) {}

  std::size_t width() const override { return vectors.width(); }
  std::size_t nbytes() const override { return vectors.nbytes(); }
  void prepare(Scratch&) const override {}
  void score(const double*, double, double*, Scratch&) const override { throw RowError(kWordsNotRows); }
  // As the columns of H2O's own transform.
  std::vector<std::string> value_names() const override {
    std::vector<std::string> names;
    for (std::size_t i = 1; i <= width(); ++i) names.push_back("C" + std::to_string(i));
    return names;
  }
  const WordVectors* word_vectors() const override { return &vectors; }

  WordVectors vectors;
};

std::vector<std::string> read_words(const ModelSource& source, std::size_t wanted) {
  std::string content = source.archive.read_text(source.prefix + "vocabulary");
  std::vector<std::string> words;
  std::unordered_set<std::string, KeyedHash> seen;
  for (std::string_view line : split_lines(content)) {
    words.emplace_back(trim(unescape(line)));
    if (!seen.insert(words.back()).second)
      throw FormatError("vocabulary has the word " + words.back() + " twice");
  }
  if (words.size() != wanted) {
    throw FormatError("vocabulary has " + std::to_string(words.size()) + " words, model.ini says " +
                      std::to_string(wanted));
  }
  return words;
}

}  // namespace

std::unique_ptr<Scorer> read_word2vec(const ModelSource& source) {
  const ModelInfo& info = source.info;
  info.require_version(1.00, 1.00);
  if (info.category != "WordEmbedding") throw FormatError("model.ini: Word2Vec of category " + info.category);
  std::int64_t words = info.values.count("vocab_size", 0, std::int64_t{1} << 31);
  std::int64_t width = info.values.count("vec_size", 1, source.limits.columns);
  std::vector<std::uint8_t> bytes;
  source.read("vectors", bytes);
  if (bytes.size() != static_cast<std::uint64_t>(words) * static_cast<std::uint64_t>(width) * 4) {
    throw FormatError("vectors does not hold " + std::to_string(words) + " times " + std::to_string(width) +
                      " numbers");
  }
  ByteReader reader(bytes, "vectors");
  std::vector<float> values(bytes.size() / 4);
  for (float& value : values) value = std::bit_cast<float>(reader.big<std::uint32_t>());
  return std::make_unique<Word2Vec>(read_words(source, static_cast<std::size_t>(words)), std::move(values),
                                    static_cast<std::size_t>(width));
}

}  // namespace mojo
