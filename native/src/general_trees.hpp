// Trees of any depth and shape: a node is a question and the place of its two children, which stand side by
// side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "forest.hpp"

namespace mojo {

class GeneralTrees {
 public:
  static constexpr std::size_t kNodeBytes = 12;

  // `question_of(node)` is the question of a node of the tree's forest.
  template <class QuestionOf>
  void append(const Tree& tree, QuestionOf question_of);
  void shrink();
  std::size_t nbytes() const;

  // Adds the leaves of trees first .. last - 1 in their order.
  template <class Sum>
  void add(const std::uint8_t* answers, std::size_t first, std::size_t last, Sum& sum) const;

 private:
  struct Place {
    std::uint32_t question;
    std::uint32_t child;  // go there for no, one further for yes; a leaf leads to itself, with question 0
  };

  template <int Lanes, class Sum>
  void add_lanes(const std::uint8_t* answers, const std::uint32_t* roots, Sum& sum) const;

  std::vector<Place> places_;
  std::vector<float> leaves_;  // by place
  std::vector<std::uint32_t> roots_;
};

// Pairs of children in the order of a walk that goes left first: more steps stay in one cache line.
template <class QuestionOf>
void GeneralTrees::append(const Tree& tree, QuestionOf question_of) {
  struct Open {
    std::uint32_t node;
    std::uint32_t place;
  };
  auto root = static_cast<std::uint32_t>(places_.size());
  roots_.push_back(root);
  places_.emplace_back();
  leaves_.emplace_back();
  std::vector<Open> open{{tree.root, root}};
  while (!open.empty()) {
    Open top = open.back();
    open.pop_back();
    const Node& node = tree.forest->nodes[top.node];
    if (node.kind == Node::leaf) {
      places_[top.place] = {0, top.place};
      leaves_[top.place] = node.value;
      continue;
    }
    auto child = static_cast<std::uint32_t>(places_.size());
    places_[top.place] = {question_of(top.node), child};
    places_.resize(places_.size() + 2);
    leaves_.resize(leaves_.size() + 2);
    open.push_back({node.right, child + 1});
    open.push_back({top.node + 1, child});
  }
}

}  // namespace mojo
