// What each algorithm implements: one row in, Java's `preds` array out.
#pragma once

#include <cstddef>
#include <vector>

namespace mojo {

// Room for one scoring thread; a scorer lays it out in prepare() and does not allocate afterwards.
struct Scratch {
  std::vector<double> doubles;
  std::vector<float> floats;
  std::vector<Scratch> parts;
};

class Scorer {
 public:
  Scorer() = default;
  virtual ~Scorer() = default;
  Scorer(const Scorer&) = delete;
  Scorer& operator=(const Scorer&) = delete;

  // Length of `preds`: for classes the label index, then one probability per class; otherwise the values.
  virtual std::size_t width() const = 0;
  virtual std::size_t nbytes() const = 0;
  virtual void prepare(Scratch& scratch) const = 0;
  // `row` has n_features values. Writes all of `preds`. Throws RowError.
  virtual void score(const double* row, double* preds, Scratch& scratch) const = 0;
};

}  // namespace mojo
