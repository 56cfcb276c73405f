#include "leaf_masks.hpp"

#include <algorithm>
#include <map>

namespace mojo {
namespace {

constexpr int kLeastDepth = 4;  // shallower trees are walked in no time

// A run costs a line for eight trees, a walk two reads for each level of each: measured, they break even
// here.
constexpr std::size_t most_runs(int depth) { return 8 * static_cast<std::size_t>(depth - 3); }
static_assert(most_runs(HeapTrees::kMostDepth) == LeafMasks::kMostRuns);

constexpr std::size_t kMostBytes = 768 << 10;  // more would not stay in the cache of a core
constexpr std::size_t kMostLines = kMostBytes / (kMaskTrees * sizeof(Word));
static_assert(kMostLines < 0xffff);            // places can name them
constexpr std::size_t kMostAnswers = 1 << 22;  // to be looked at: some ten milliseconds

// The leaves below the left child of a place.
Word leaves_left_of(std::uint32_t place, int depth) {
  int below = depth + 1 - std::bit_width(place);  // levels
  std::uint32_t first = (place << below) - (1U << depth);
  return ((Word{1} << (1U << (below - 1))) - 1) << first;
}

}  // namespace

LeafMasks::LeafMasks(const HeapTrees& trees, const ConditionTable& table, std::size_t most_bytes) {
  std::size_t runs = table.runs();
  if (trees.depth() < kLeastDepth || runs > most_runs(trees.depth())) return;
  groups_ = (trees.size() + kAtOnce - 1) / kAtOnce * kMaskGroups;
  std::size_t places = 0;
  std::vector<std::size_t> run_of(table.size(), runs);
  for (std::size_t run = 0; run < runs; ++run) {
    auto [first, count] = table.questions(run);
    std::fill_n(run_of.begin() + static_cast<std::ptrdiff_t>(first), count, run);
    starts_.push_back(places);
    places += table.states(run) * groups_;
  }
  most_bytes = std::min(most_bytes, kMostBytes);
  if (places * sizeof(std::uint16_t) > most_bytes) return;
  places_.resize(places);
  lines_.emplace_back().masks.fill(~Word{0});
  std::size_t answers = 0;
  for (std::size_t group = 0; group * kMaskTrees < trees.size(); ++group) {
    std::vector<std::vector<Split>> splits(runs + 1);  // the last: those that ask nothing
    std::size_t count = std::min(kMaskTrees, trees.size() - group * kMaskTrees);
    for (std::uint32_t i = 0; i < count; ++i) {
      for (std::uint32_t place = 1; place < 1U << trees.depth(); ++place) {
        std::uint32_t question = trees.question(group * kMaskTrees + i, place);
        splits[run_of[question]].push_back({question, i, ~leaves_left_of(place, trees.depth())});
      }
    }
    for (std::size_t run = 0; run < runs; ++run) {
      answers += table.is_ascending(run) ? splits[run].size() : table.states(run) * splits[run].size();
      if (answers <= kMostAnswers) lay_out(splits[run], table, run, group);
    }
    std::size_t bytes = lines_.size() * sizeof(Line) + places * sizeof(std::uint16_t);
    if (bytes <= most_bytes && answers <= kMostAnswers) continue;
    *this = LeafMasks();
    return;
  }
  lines_.shrink_to_fit();
}

void LeafMasks::lay_out(std::vector<Split>& splits, const ConditionTable& table, std::size_t run,
                        std::size_t group) {
  if (splits.empty()) return;  // the first line
  std::uint16_t* place = &places_[starts_[run] + group];
  if (table.is_ascending(run)) {
    std::ranges::sort(splits, {}, &Split::question);
    Line line = lines_[0];
    std::uint16_t number = 0;
    auto split = splits.begin();
    for (std::uint32_t state = 0; state < table.states(run); ++state, place += groups_) {
      bool changes = false;
      for (; split != splits.end() && table.is_yes(run, state, split->question); ++split, changes = true)
        line.masks[split->tree] &= split->leaves;
      if (changes) number = append(line);
      *place = number;
    }
    return;
  }
  std::map<Line, std::uint16_t> known;
  for (std::uint32_t state = 0; state < table.states(run); ++state, place += groups_) {
    Line line = lines_[0];
    for (const Split& split : splits) {
      if (table.is_yes(run, state, split.question)) line.masks[split.tree] &= split.leaves;
    }
    auto [found, is_new] = known.try_emplace(line);
    if (is_new) found->second = append(line);
    *place = found->second;
  }
}

std::uint16_t LeafMasks::append(const Line& line) {
  if (lines_.size() <= kMostLines) lines_.push_back(line);
  return static_cast<std::uint16_t>(lines_.size() - 1);
}

std::size_t LeafMasks::nbytes() const {
  return lines_.capacity() * sizeof(Line) + starts_.capacity() * sizeof(std::size_t) +
         places_.capacity() * sizeof(std::uint16_t);
}

LeafMasks::Places LeafMasks::find(const double* row, const ConditionTable& table) const {
  std::array<std::uint32_t, kMostRuns> states;
  table.find_states(row, states.data());
  Places places;
  for (std::size_t run = 0; run < starts_.size(); ++run)
    places[run] = &places_[starts_[run] + states[run] * groups_];
  return places;
}

template <class Sum>
void LeafMasks::add(const Places& places, const HeapTrees& trees, std::size_t first, std::size_t last,
                    Sum& sum) const {
  auto meet = choose_kernels().meet;
  Word left[kAtOnce];
  for (std::size_t end; first < last; first = end) {
    std::size_t start = first / kAtOnce * kAtOnce;
    end = std::min(last, start + kAtOnce);
    meet(lines_.data()->masks.data(), places.data(), starts_.size(), start / kMaskTrees, left);
    trees.add_lowest(left + (first - start), first, end - first, sum);
  }
}

template void LeafMasks::add(const Places&, const HeapTrees&, std::size_t, std::size_t, float&) const;
template void LeafMasks::add(const Places&, const HeapTrees&, std::size_t, std::size_t, double&) const;

}  // namespace mojo
