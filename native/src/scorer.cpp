#include "scorer.hpp"

#include "errors.hpp"

namespace mojo {

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
