// What a model can say about a row besides its score. Made on demand: the nodes are decoded again, with what
// only explanations need.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "errors.hpp"

namespace mojo {

struct LeafPlace {
  std::optional<std::string> path;  // L and R from the root; none at depth 64 and deeper, as in Java
  std::int32_t id = -1;             // of the leaf; -1 where there is no path
};

// Each kind is refused with the reason where h2o-genmodel has none: UnsupportedError. `row` is the row that
// the scorer takes. Safe from several threads.
class Explainer {
 public:
  Explainer() = default;
  virtual ~Explainer() = default;
  Explainer(const Explainer&) = delete;
  Explainer& operator=(const Explainer&) = delete;

  // TreeSHAP values before the link, one per name; the last name is "BiasTerm". Offsets are not in them.
  virtual std::vector<std::string> contribution_names() const { refuse("contributions"); }
  virtual void contribute(const double*, float*) const { refuse("contributions"); }

  // Names of the trees, such as "T1.C1", in the order of find_leaves().
  virtual std::vector<std::string> tree_names() const { refuse("leaf assignments"); }
  virtual bool has_leaf_ids() const { return true; }
  virtual void find_leaves(const double*, LeafPlace*) const { refuse("leaf assignments"); }

  // Predictions after each tree, "T1.C1" first; of two classes the probability of the first.
  virtual std::vector<std::string> stage_names() const { refuse("staged predictions"); }
  virtual void predict_stages(const double*, double*) const { refuse("staged predictions"); }

 protected:
  [[noreturn]] static void refuse(const std::string& what) {
    throw UnsupportedError("h2o-genmodel has no " + what + " for this kind of model");
  }
};

}  // namespace mojo
