#include "compiled_trees.hpp"

#include <cstdint>
#include <type_traits>

namespace mojo {

std::size_t CompiledTrees::Run::nbytes() const {
  std::size_t bytes = table.nbytes() + top_table.nbytes() + masks.nbytes() + slices.nbytes() +
                      segments.capacity() * sizeof(Segment);
  return bytes + std::visit([](const auto& trees) { return trees.nbytes(); }, layout);
}

std::size_t CompiledTrees::nbytes() const {
  std::size_t bytes = plain_.nbytes() + runs_.capacity() * sizeof(Run);
  for (const Run& run : runs_) bytes += run.nbytes();
  return bytes;
}

void CompiledTrees::prepare(Scratch& scratch) const {
  for (const Run& run : runs_) {
    bool blocked = std::holds_alternative<BlockedTrees>(run.layout);
    std::size_t bytes = (blocked ? run.top_table : run.table).size() + ConditionTable::kSlack;
    if (scratch.bytes.size() < bytes) scratch.bytes.resize(bytes);
    std::size_t words = run.table.bit_words();
    if (blocked && scratch.words.size() < words) scratch.words.resize(words);
  }
}

template <class Sum>
void CompiledTrees::Run::add(const double* row, Sum* sums, Scratch& scratch) const {
  if (!masks.empty()) {
    const auto& trees = std::get<HeapTrees>(layout);
    LeafMasks::Places places = masks.find(row, table);
    for (const Segment& part : segments) masks.add(places, trees, part.first, part.last, sums[part.of_class]);
    return;
  }
  std::uint8_t* bytes = scratch.bytes.data();
  Word* bits = scratch.words.data();
  std::visit(
      [&](const auto& trees) {
        auto add_all = [&](const auto& answers) {
          for (const Segment& part : segments) trees.add(answers, part.first, part.last, sums[part.of_class]);
        };
        if constexpr (std::is_same_v<decltype(trees), const BlockedTrees&>) {
          top_table.answer(row, bytes);
          table.answer_bits(row, bits);
          add_all(BlockedTrees::Answers{bytes, bits});
        } else {
          table.answer(row, bytes);
          add_all(bytes);
        }
      },
      layout);
}

template <class Sum>
void CompiledTrees::add(const double* row, Sum* sums, Scratch& scratch) const {
  for (const Run& run : runs_) run.add(row, sums, scratch);
  plain_.add(row, sums);
}

template <class Sum>
void CompiledTrees::Run::add_pass(BitSlices::Pass& pass, Sum* sums, std::size_t stride) const {
  std::vector<Sum> column(pass.rows());
  for (const Segment& part : segments) {
    for (std::size_t r = 0; r < column.size(); ++r) column[r] = sums[r * stride + part.of_class];
    for (std::size_t tree = part.first; tree < part.last; ++tree) {
      if (auto* blocked = std::get_if<BlockedTrees>(&layout)) blocked->fetch_leaves(tree);
      const std::uint16_t* numbers = pass.follow(tree);
      if (auto* heap = std::get_if<HeapTrees>(&layout))
        heap->add_leaves(tree, numbers, column.size(), column.data());
      if (auto* blocked = std::get_if<BlockedTrees>(&layout))
        blocked->add_leaves(tree, numbers, column.size(), column.data());
    }
    for (std::size_t r = 0; r < column.size(); ++r) sums[r * stride + part.of_class] = column[r];
  }
}

template <class Sum>
void CompiledTrees::add_rows(const RowBlock& rows, Sum* sums, std::size_t stride, Scratch& scratch) const {
  for (const Run& run : runs_) {
    std::size_t done = 0;
    if (!run.slices.empty()) {
      std::size_t least = run.slices.least_rows(run.table);
      while (rows.count - done >= least) {
        BitSlices::Pass pass(run.slices, run.table, rows.row(done), rows.width, rows.count - done,
                             scratch.words);
        run.add_pass(pass, sums + done * stride, stride);
        done += pass.rows();
      }
    }
    for (; done < rows.count; ++done) run.add(rows.row(done), sums + done * stride, scratch);
  }
  for (std::size_t i = 0; i < rows.count; ++i) plain_.add(rows.row(i), sums + i * stride);
}

template void CompiledTrees::add(const double*, float*, Scratch&) const;
template void CompiledTrees::add(const double*, double*, Scratch&) const;
template void CompiledTrees::add_rows(const RowBlock&, float*, std::size_t, Scratch&) const;
template void CompiledTrees::add_rows(const RowBlock&, double*, std::size_t, Scratch&) const;

}  // namespace mojo
