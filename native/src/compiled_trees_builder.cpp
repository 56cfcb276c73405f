// How trees become CompiledTrees.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <future>
#include <iterator>
#include <utility>

#include "compiled_trees.hpp"
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

static_assert(BlockedTrees::kMostDepth - SliceBottom::kLevels <= SliceBottom::kMostLevelsAbove);
constexpr std::size_t kFewTrees = 64;  // not worth a second thread

// The splits on the longest path.
std::size_t depth_of(const Tree& tree) {
  std::size_t deepest = 0;
  std::size_t depth = 0;
  std::vector<std::size_t> open;  // depths of the right children to come: each follows a leaf
  for (std::uint32_t at = tree.root; at < tree.end; ++at) {
    if (tree.forest->nodes[at].kind != Node::leaf) {
      open.push_back(++depth);
    } else if (!open.empty()) {
      deepest = std::max(deepest, depth);
      depth = open.back();
      open.pop_back();
    }
  }
  return std::max(deepest, depth);
}

}  // namespace

// Collects the questions of the trees in runs, chooses the layout, and lays each run out; gives up where the
// plain trees are better. Two threads work on one half of the trees each, then on one run each.
class CompiledTrees::Builder {
 public:
  explicit Builder(const TreesByClass& trees) {
    std::vector<Placed> list;
    for (std::size_t c = 0; c < trees.size(); ++c) {
      for (const Tree& tree : trees[c]) {
        list.push_back({c, tree});
        nodes_ += tree.size();
      }
    }
    if (list.empty()) return;
    trees_ = list.size();
    level_counts_ = &list[0].tree.forest->level_counts;
    collect(list);
    choose_layout();
    merge_drafts();
    std::size_t questions = 0;
    for (const Draft& draft : drafts_) {
      gave_up_ = gave_up_ || draft.book.overflowed();
      questions += draft.book.size();
    }
    gave_up_ = gave_up_ || questions > kQuestionsPerStep * trees_ * depth_ + kFewQuestions;
    if (!gave_up_) lay_out();
  }

  bool gave_up() const { return gave_up_; }
  std::vector<Run> take() { return std::move(runs_); }

 private:
  struct Placed {
    std::size_t of_class;
    Tree tree;
    std::size_t entries = 0;  // where those of its nodes start in the draft
  };

  // A run before it is laid out.
  struct Draft {
    QuestionBook book;
    std::vector<Placed> trees;
    std::vector<std::uint32_t> entries;  // by node of the trees: its question in the book
  };

  // What one thread finds out.
  struct Part {
    std::vector<Draft> drafts;
    std::size_t depth = 0;
  };

  bool narrow() const { return level_counts_->size() <= kMostColumns; }
  bool in_heaps() const { return heap_ || blocked_; }

  // Answers by level and masks must not outgrow the trees they come from.
  std::size_t most_bytes() const { return 2 * nodes_ * sizeof(Node) + kFewBytes; }
  Draft make_draft() const { return {{*level_counts_, most_bytes()}, {}, {}}; }

  // The drafts do not depend on the threads: each half has its own.
  void collect(const std::vector<Placed>& list) {
    std::size_t half = list.size() < kFewTrees ? 0 : list.size() / 2;
    std::future<Part> first = std::async(half > 0 ? std::launch::async : std::launch::deferred,
                                         [&, half] { return collect(list, 0, half); });
    Part second = collect(list, half, list.size());
    Part part = first.get();
    depth_ = std::max(part.depth, second.depth);
    first_half_ = part.drafts.size();
    drafts_ = std::move(part.drafts);
    std::ranges::move(second.drafts, std::back_inserter(drafts_));
  }

  Part collect(const std::vector<Placed>& list, std::size_t first, std::size_t last) const {
    Part part;
    std::size_t gaps = narrow() ? level_counts_->size() * ConditionTable::kLevelsAlign : 0;
    for (std::size_t i = first; i < last; ++i) {
      Placed placed = list[i];
      const Tree& tree = placed.tree;
      part.depth = std::max(part.depth, depth_of(tree));
      if (part.drafts.empty() || part.drafts.back().book.size() + tree.size() / 2 + gaps >= kMostQuestions)
        part.drafts.push_back(make_draft());
      Draft& draft = part.drafts.back();
      placed.entries = draft.entries.size();
      draft.trees.push_back(placed);
      for (std::uint32_t at = tree.root; at < tree.end; ++at) {
        const Node& node = tree.forest->nodes[at];
        draft.entries.push_back(node.kind == Node::leaf ? 0 : draft.book.enter(*tree.forest, node));
      }
      if (draft.book.overflowed()) break;
    }
    return part;
  }

  void choose_layout() {
    std::size_t general = nodes_ * GeneralTrees::kNodeBytes + kFewBytes;
    auto depth = static_cast<int>(std::min<std::size_t>(depth_, 1000));
    if (narrow() && depth <= HeapTrees::kMostDepth) {
      heap_ = HeapTrees::tree_bytes(depth) * trees_ <= general;
    } else if (narrow() && depth <= BlockedTrees::kMostDepth) {
      blocked_ = BlockedTrees::tree_bytes(depth) * trees_ <= general;
    }
  }

  // Any number of questions fits a run of general trees. Of heaps, the drafts where the halves meet may fit
  // one.
  void merge_drafts() {
    std::vector<Draft> merged;
    for (std::size_t i = 0; i < drafts_.size(); ++i) {
      std::size_t gaps = level_counts_->size() * ConditionTable::kLevelsAlign;
      bool wanted = i > 0 && (!in_heaps() || i == first_half_);
      if (!wanted || !append(merged.back(), drafts_[i], in_heaps() ? kMostQuestions - gaps : ~std::size_t{0}))
        merged.push_back(std::move(drafts_[i]));
    }
    drafts_ = std::move(merged);
  }

  static bool append(Draft& draft, Draft& other, std::size_t most) {
    std::vector<std::uint32_t> numbers;
    if (!draft.book.absorb(other.book, most, numbers)) return false;
    numbers.resize(std::max<std::size_t>(1, numbers.size()));  // of leaves, even where nothing splits
    for (Placed& placed : other.trees) {
      placed.entries += draft.entries.size();
      draft.trees.push_back(placed);
    }
    for (std::uint32_t entry : other.entries) draft.entries.push_back(numbers[entry]);
    return true;
  }

  void lay_out() {
    auto depth = static_cast<int>(depth_);
    runs_.reserve(drafts_.size());
    for (std::size_t i = 0; i < drafts_.size(); ++i)
      runs_.push_back({{}, {}, GeneralTrees(), {}, BitSlices(depth), {}});
    std::atomic<std::size_t> next{0};
    auto work = [&] {
      for (std::size_t i; (i = next++) < drafts_.size();) lay_out(std::move(drafts_[i]), runs_[i]);
    };
    std::future<void> other =
        std::async(drafts_.size() > 1 ? std::launch::async : std::launch::deferred, work);
    work();
    other.get();
  }

  void lay_out(Draft draft, Run& run) const {
    std::vector<std::uint32_t> questions;
    std::vector<std::uint32_t> top_questions;
    auto depth = static_cast<int>(depth_);
    run.table = draft.book.close(questions);
    if (heap_) run.layout = HeapTrees(depth, draft.trees.size());
    if (blocked_) {
      BlockedTrees blocked(depth, draft.trees.size());
      run.top_table = draft.book.close(find_top(draft, blocked.top_depth()), top_questions);
      run.layout = std::move(blocked);
    }
    { QuestionBook done = std::move(draft.book); }  // as large as the layout that is to come
    for (std::size_t number = 0; number < draft.trees.size(); ++number) {
      const Placed& placed = draft.trees[number];
      const std::uint32_t* entries = &draft.entries[placed.entries] - placed.tree.root;
      auto question_of = [&](std::uint32_t node) { return questions[entries[node]]; };
      if (auto* general = std::get_if<GeneralTrees>(&run.layout)) {
        general->append(placed.tree, question_of);
      } else {
        if (auto* heap = std::get_if<HeapTrees>(&run.layout))
          append_heap(*heap, number, placed.tree, [&](std::uint32_t node, int) { return question_of(node); });
        if (auto* blocked = std::get_if<BlockedTrees>(&run.layout)) {
          append_heap(*blocked, number, placed.tree, [&](std::uint32_t node, int level) {
            return level < blocked->top_depth() ? top_questions[entries[node]] : question_of(node);
          });
        }
        if (depth >= BitSlices::kLeastDepth) run.slices.append(placed.tree, question_of);
      }
      if (run.segments.empty() || run.segments.back().of_class != placed.of_class)
        run.segments.push_back({placed.of_class, number, number});
      run.segments.back().last = number + 1;
    }
    if (auto* general = std::get_if<GeneralTrees>(&run.layout)) general->shrink();
    if (auto* heap = std::get_if<HeapTrees>(&run.layout))
      run.masks = LeafMasks(*heap, run.table, most_bytes());
    run.slices.finish();
  }

  // Which questions splits above level `depth` ask.
  static std::vector<bool> find_top(const Draft& draft, int depth) {
    struct Place {
      std::uint32_t node;
      int level;
    };
    std::vector<bool> found(draft.book.size());
    std::vector<Place> open;
    for (const Placed& placed : draft.trees) {
      open.push_back({placed.tree.root, 0});
      while (!open.empty()) {
        Place place = open.back();
        open.pop_back();
        const Node& node = placed.tree.forest->nodes[place.node];
        if (node.kind == Node::leaf) continue;
        found[draft.entries[placed.entries + place.node - placed.tree.root]] = true;
        if (++place.level == depth) continue;
        open.push_back({node.right, place.level});
        open.push_back({place.node + 1, place.level});
      }
    }
    return found;
  }

  // Fills a heap layout: children of place p are 2p and 2p + 1, a leaf stands at the left end below its
  // place. `question_of(node, level)` is the question of a split.
  template <class Layout, class QuestionOf>
  static void append_heap(Layout& layout, std::size_t number, const Tree& tree, QuestionOf question_of) {
    std::vector<std::uint32_t> places(tree.size());
    places[0] = 1;
    for (std::uint32_t at = 0; at < tree.size(); ++at) {
      const Node& node = tree.forest->nodes[tree.root + at];
      std::uint32_t place = places[at];
      int level = std::bit_width(place) - 1;
      if (node.kind == Node::leaf) {
        int above = layout.depth() - level;
        layout.set_leaf(number, (place << above) - (1U << layout.depth()), node.value);
        continue;
      }
      layout.set_question(number, place, static_cast<std::uint16_t>(question_of(tree.root + at, level)));
      places[at + 1] = 2 * place;
      places[node.right - tree.root] = 2 * place + 1;
    }
  }

  const std::vector<std::int64_t>* level_counts_ = nullptr;
  std::size_t trees_ = 0;
  std::size_t nodes_ = 0;
  std::size_t depth_ = 0;  // of the deepest tree, in splits
  std::vector<Draft> drafts_;
  std::size_t first_half_ = 0;  // of the drafts
  bool heap_ = false;
  bool blocked_ = false;
  bool gave_up_ = false;
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

}  // namespace mojo
