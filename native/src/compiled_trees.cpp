#include "compiled_trees.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <future>
#include <type_traits>
#include <utility>

#include "question_book.hpp"

namespace mojo {
namespace {

constexpr std::size_t kMostQuestions = 0xffff;  // of a run of heaps
constexpr std::size_t kMostColumns = 2048;      // of such a run: each may leave a gap between its questions
// A question costs less than a hundredth of a step that compares: only with more of them per step is
// comparing faster.
constexpr std::size_t kQuestionsPerStep = 256;
constexpr std::size_t kFewQuestions = 1024;
constexpr std::size_t kFewBytes = 64 << 10;

struct Shape {
  std::size_t trees = 0;
  std::size_t nodes = 0;
  std::size_t depth = 0;  // of the deepest tree, in splits
  std::size_t columns = 0;
};

// By node of the tree: the splits above it.
std::vector<std::uint32_t> depths_of(const Tree& tree) {
  std::vector<std::uint32_t> depths(tree.size());
  for (std::uint32_t at = 0; at < tree.size(); ++at) {
    const Node& node = tree.forest->nodes[tree.root + at];
    if (node.kind == Node::leaf) continue;
    depths[at + 1] = depths[at] + 1;
    depths[node.right - tree.root] = depths[at] + 1;
  }
  return depths;
}

Shape measure(const TreesByClass& trees) {
  Shape shape;
  for (const std::vector<Tree>& of_class : trees) {
    for (const Tree& tree : of_class) {
      ++shape.trees;
      shape.nodes += tree.size();
      shape.columns = tree.forest->level_counts.size();
      shape.depth = std::max<std::size_t>(shape.depth, std::ranges::max(depths_of(tree)));
    }
  }
  return shape;
}

// Fills a heap layout: children of place p are 2p and 2p + 1, a leaf stands at the left end below its place.
// `question_of(node, level)` is the question of a split.
template <class Layout, class QuestionOf>
void append_heap(Layout& layout, std::size_t number, const Tree& tree, QuestionOf question_of) {
  std::vector<std::uint32_t> places(tree.size());
  places[0] = 1;
  for (std::uint32_t at = 0; at < tree.size(); ++at) {
    const Node& node = tree.forest->nodes[tree.root + at];
    std::uint32_t place = places[at];
    if (node.kind == Node::leaf) {
      int above = layout.depth() - (std::bit_width(place) - 1);
      layout.set_leaf(number, (place << above) - (1U << layout.depth()), node.value);
      continue;
    }
    std::uint32_t question = question_of(tree.root + at, std::bit_width(place) - 1);
    layout.set_question(number, place, static_cast<std::uint16_t>(question));
    places[at + 1] = 2 * place;
    places[node.right - tree.root] = 2 * place + 1;
  }
}

}  // namespace

// Cuts the trees into runs and lays each out; gives up where the plain trees are better. A run is laid out by
// a thread of its own while the questions of the next are collected.
class CompiledTrees::Builder {
 public:
  explicit Builder(const TreesByClass& trees) : shape_(measure(trees)) {
    std::size_t general = shape_.nodes * GeneralTrees::kNodeBytes + kFewBytes;
    auto depth = static_cast<int>(std::min<std::size_t>(shape_.depth, 1000));
    bool narrow = shape_.columns <= kMostColumns;
    if (narrow && depth <= HeapTrees::kMostDepth) {
      heap_ = HeapTrees::tree_bytes(depth) * shape_.trees <= general;
    } else if (narrow && depth <= BlockedTrees::kMostDepth) {
      blocked_ = BlockedTrees::tree_bytes(depth) * shape_.trees <= general;
    }
    for (std::size_t c = 0; c < trees.size(); ++c) {
      for (const Tree& tree : trees[c]) enter(c, tree);
    }
    if (!draft_.open.empty()) close_run(std::launch::deferred);
    std::size_t questions = 0;
    for (std::future<Run>& closing : closing_) {
      runs_.push_back(closing.get());
      questions += runs_.back().table.size();
    }
    gave_up_ = gave_up_ || questions > kQuestionsPerStep * shape_.trees * shape_.depth + kFewQuestions;
  }

  bool gave_up() const { return gave_up_; }
  std::vector<Run> take() { return std::move(runs_); }

 private:
  struct Open {
    std::size_t of_class;
    Tree tree;
    std::size_t entries;  // where those of its nodes start
  };

  // What is known of a run before it is laid out.
  struct Draft {
    QuestionBook book;
    std::vector<Open> open;
    std::vector<std::uint32_t> entries;  // by node of the open trees: its entry in the book
  };

  void enter(std::size_t of_class, const Tree& tree) {
    if (gave_up_) return;
    std::size_t gaps = shape_.columns * ConditionTable::kLevelsAlign;
    if ((heap_ || blocked_) && draft_.book.size() + tree.size() / 2 + gaps >= kMostQuestions)
      close_run(std::launch::async);
    draft_.open.push_back({of_class, tree, draft_.entries.size()});
    for (std::uint32_t at = tree.root; at < tree.end; ++at) {
      const Node& node = tree.forest->nodes[at];
      draft_.entries.push_back(node.kind == Node::leaf ? 0 : draft_.book.enter(*tree.forest, node));
    }
  }

  void close_run(std::launch policy) {
    // The answers by level must not outgrow the trees they come from.
    gave_up_ = gave_up_ || draft_.book.level_bytes() > 2 * shape_.nodes * sizeof(Node) + kFewBytes;
    if (gave_up_) return;
    closing_.push_back(std::async(
        policy, [this, draft = std::exchange(draft_, {})]() mutable { return lay_out(std::move(draft)); }));
  }

  Run lay_out(Draft draft) const {
    std::vector<std::uint32_t> questions;
    ConditionTable table = draft.book.close(questions);
    draft.book = {};  // as large as the layout that is to come
    auto depth = static_cast<int>(shape_.depth);
    Run run{std::move(table), {}, GeneralTrees(), BitSlices(depth), {}};
    if (heap_) run.layout = HeapTrees(depth, draft.open.size());
    std::vector<std::uint32_t> top_questions;
    if (blocked_) {
      BlockedTrees blocked(depth, draft.open.size());
      top_questions = close_top(draft, static_cast<std::uint32_t>(blocked.top_depth()), run.top_table);
      run.layout = std::move(blocked);
    }
    for (std::size_t number = 0; number < draft.open.size(); ++number) {
      const Open& open = draft.open[number];
      auto question_of = [&](std::uint32_t node) {
        return questions[draft.entries[open.entries + node - open.tree.root]];
      };
      if (auto* general = std::get_if<GeneralTrees>(&run.layout)) {
        general->append(open.tree, question_of);
      } else {
        if (auto* heap = std::get_if<HeapTrees>(&run.layout))
          append_heap(*heap, number, open.tree, [&](std::uint32_t node, int) { return question_of(node); });
        if (auto* blocked = std::get_if<BlockedTrees>(&run.layout)) {
          append_heap(*blocked, number, open.tree, [&](std::uint32_t node, int level) {
            return level < blocked->top_depth() ? top_questions[open.entries + node - open.tree.root]
                                                : question_of(node);
          });
        }
        if (depth >= BitSlices::kLeastDepth) run.slices.append(open.tree, question_of);
      }
      if (run.segments.empty() || run.segments.back().of_class != open.of_class)
        run.segments.push_back({open.of_class, number, number});
      run.segments.back().last = number + 1;
    }
    if (auto* general = std::get_if<GeneralTrees>(&run.layout)) general->shrink();
    run.slices.finish();
    return run;
  }

  // The table of the splits above level `depth`; returns the question of each by node of the open trees.
  std::vector<std::uint32_t> close_top(const Draft& draft, std::uint32_t depth, ConditionTable& table) const {
    QuestionBook book;
    std::vector<std::uint32_t> entries(draft.entries.size());
    for (const Open& open : draft.open) {
      std::vector<std::uint32_t> depths = depths_of(open.tree);
      for (std::uint32_t at = 0; at < open.tree.size(); ++at) {
        const Node& node = open.tree.forest->nodes[open.tree.root + at];
        if (node.kind != Node::leaf && depths[at] < depth)
          entries[open.entries + at] = book.enter(*open.tree.forest, node);
      }
    }
    std::vector<std::uint32_t> questions;
    table = book.close(questions);
    if (!questions.empty())
      for (std::uint32_t& entry : entries) entry = questions[entry];
    return entries;
  }

  Shape shape_;
  bool heap_ = false;
  bool blocked_ = false;
  bool gave_up_ = false;
  Draft draft_;
  std::vector<std::future<Run>> closing_;
  std::vector<Run> runs_;
};

CompiledTrees::CompiledTrees(std::vector<Forest> forests, TreesByClass trees) {
  Builder builder(trees);
  if (builder.gave_up()) {
    for (Forest& forest : forests) forest.shrink();
    plain_ = PlainTrees(std::move(forests), std::move(trees));
  } else {
    runs_ = builder.take();
  }
}

std::size_t CompiledTrees::Run::nbytes() const {
  std::size_t bytes =
      table.nbytes() + top_table.nbytes() + slices.nbytes() + segments.capacity() * sizeof(Segment);
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
      while (rows.count - done >= BitSlices::kLeastRows) {
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
