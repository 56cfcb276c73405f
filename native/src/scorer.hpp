// What each algorithm implements: one row in, Java's `preds` array out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mojo {

// Room for one scoring thread; a scorer lays it out in prepare() and does not allocate afterwards.
struct Scratch {
  std::vector<double> doubles;
  std::vector<float> floats;
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint64_t> words;
  std::vector<Scratch> parts;
};

// Some rows of a call, one after the other.
struct RowBlock {
  const double* values;
  std::size_t width;  // values per row
  std::size_t count;
  const double* offsets = nullptr;  // one per row, or none

  const double* row(std::size_t i) const { return values + i * width; }
  double offset(std::size_t i) const { return offsets ? offsets[i] : 0; }
};

// What a scorer does with the offset of a row.
enum class OffsetUse {
  none,     // ignored, as Java ignores it
  added,    // to the margin; 0 where the caller has none
  needed,   // the model does not score without one
  refused,  // any but 0 is an error, as in Java
};

class Calibration;
class Explainer;
class WordVectors;
struct ModelSource;

class Scorer {
 public:
  Scorer() = default;
  virtual ~Scorer() = default;
  Scorer(const Scorer&) = delete;
  Scorer& operator=(const Scorer&) = delete;

  // Length of `preds`: for classes the label index, then one probability per class; otherwise the values.
  virtual std::size_t width() const = 0;
  virtual std::size_t nbytes() const = 0;
  // Whether a row takes many passes over the model's numbers, so that nbytes() says little about its time.
  virtual bool iterates() const { return false; }
  virtual void prepare(Scratch& scratch) const = 0;
  // `row` has n_features values; `offset` is 0 where there is none. Writes all of `preds`. Throws RowError.
  virtual void score(const double* row, double offset, double* preds, Scratch& scratch) const = 0;
  // The same for several rows: `preds` has width() values per row. Throws RowError with the row's index in
  // the block. For scorers that know a faster way than row by row.
  virtual void score_rows(const RowBlock& rows, double* preds, Scratch& scratch) const;

  virtual OffsetUse offset_use() const { return OffsetUse::refused; }
  // What turns the probabilities of two classes into calibrated ones; none where the model has none.
  virtual const Calibration* calibration() const { return nullptr; }
  // Decodes from `source`, which is the model's own, what explanations need; nothing for models without
  // trees. This must outlive it. Throws FormatError.
  virtual std::unique_ptr<Explainer> explainer(const ModelSource& source) const;
  // Names of the values where they are no classes; empty: "predict".
  virtual std::vector<std::string> value_names() const { return {}; }
  // Columns that a record needs beside those of model.ini; a row has them behind the others.
  virtual std::vector<std::string> added_columns() const { return {}; }
  // Where h2o-genmodel, and so this scorer, does other than a user expects of this very model: one sentence
  // each.
  virtual std::vector<std::string> deviations() const { return {}; }
  // Of a model that knows words instead of rows.
  virtual const WordVectors* word_vectors() const { return nullptr; }
};

}  // namespace mojo
