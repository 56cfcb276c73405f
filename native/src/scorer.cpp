#include "scorer.hpp"

#include "errors.hpp"
#include "explainer.hpp"

namespace mojo {

std::unique_ptr<Explainer> Scorer::explainer(const ModelSource&) const { return nullptr; }

void Scorer::score_rows(const RowBlock& rows, double* preds, Scratch& scratch) const {
  for (std::size_t i = 0; i < rows.count; ++i) {
    try {
      score(rows.row(i), rows.offset(i), preds + i * width(), scratch);
    } catch (const RowError& error) {
      throw RowError(error.what(), i);
    }
  }
}

}  // namespace mojo
