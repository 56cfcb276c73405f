#include "xgboost_booster.hpp"

#include <cmath>

namespace mojo {
namespace {

constexpr std::size_t kNodeBytes = 20;
constexpr std::size_t kStatBytes = 16;

struct RawNode {
  std::int32_t left, right;
  std::uint32_t split;
  float value;
  float weight = 0;
};

std::vector<RawNode> read_raw_nodes(ByteReader& reader) {
  reader.skip(4);  // num_roots
  auto count = reader.little<std::int32_t>();
  reader.skip(35 * 4);
  if (count < 1 || static_cast<std::size_t>(count) > reader.left() / (kNodeBytes + kStatBytes)) {
    throw FormatError("boosterBytes: a tree of " + std::to_string(count) + " nodes, " +
                      std::to_string(reader.left()) + " bytes left");
  }
  std::vector<RawNode> nodes(count);
  for (RawNode& node : nodes) {
    reader.skip(4);  // parent
    node.left = reader.little<std::int32_t>();
    node.right = reader.little<std::int32_t>();
    node.split = reader.little<std::uint32_t>();
    node.value = reader.little<float>();
  }
  for (RawNode& node : nodes) {
    reader.skip(4);  // loss change
    node.weight = reader.little<float>();
    reader.skip(kStatBytes - 8);
  }
  return nodes;
}

// Appends what can be reached from the root, left child first. Deleted nodes stay behind.
void append_tree(const std::vector<RawNode>& raw, std::size_t width, std::int64_t most_depth,
                 std::vector<Booster::Node>& out, std::vector<BoosterFact>* facts) {
  constexpr std::uint32_t none = ~std::uint32_t{0};
  struct Pending {
    std::int32_t node;
    std::uint32_t right_of;
    std::int64_t depth = 0;
  };
  std::vector<bool> seen(raw.size());
  std::vector<Pending> pending{{0, none}};
  while (!pending.empty()) {
    Pending next = pending.back();
    pending.pop_back();
    if (next.node < 0 || next.node >= static_cast<std::int32_t>(raw.size()) || seen[next.node]) {
      throw FormatError("boosterBytes: child node " + std::to_string(next.node) +
                        " is outside of its tree or in it twice");
    }
    seen[next.node] = true;
    auto at = static_cast<std::uint32_t>(out.size());
    if (next.right_of != none) out[next.right_of].right = at;
    const RawNode& node = raw[next.node];
    Booster::Node made;
    made.value = node.value;
    if (node.left != -1) {
      made.feature = node.split & 0x7fffffff;
      made.missing_left = node.split >> 31 != 0;
      if (made.feature >= width) {
        throw FormatError("boosterBytes: feature " + std::to_string(made.feature) + " of " +
                          std::to_string(width));
      }
      if (next.depth >= most_depth)
        throw FormatError("boosterBytes: a tree deeper than " + std::to_string(most_depth) + " splits");
      pending.push_back({node.right, at, next.depth + 1});
      pending.push_back({node.left, none, next.depth + 1});
    }
    out.push_back(made);
    if (facts) facts->push_back({next.node, node.weight, static_cast<std::int32_t>(raw.size())});
  }
}

void read_coefficients(ByteReader& reader, std::size_t features, Booster& booster) {
  reader.skip(34 * 4);
  std::size_t wanted = (features + 1) * booster.groups;
  auto count = reader.little<std::uint64_t>();
  if (count != 0 && count != wanted) {
    throw FormatError("boosterBytes: " + std::to_string(count) + " coefficients, " + std::to_string(wanted) +
                      " are needed");
  }
  booster.coefficients.resize(wanted);  // an untrained model has none: all 0
  for (std::size_t i = 0; i < count; ++i) booster.coefficients[i] = reader.little<float>();
}

std::string read_name(ByteReader& reader) {
  Bytes bytes = reader.take(reader.little<std::uint64_t>());
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::uint32_t Booster::next(std::uint32_t at, const float* vector) const {
  const Node& node = nodes[at];
  float value = vector[node.feature];
  bool left = std::isnan(value) ? node.missing_left : value < node.value;
  return left ? at + 1 : node.right;
}

float Booster::leaf_of(std::uint32_t root, const float* vector) const {
  std::uint32_t at = root;
  while (nodes[at].right != 0) at = next(at, vector);
  return nodes[at].value;
}

float Booster::add_linear(std::size_t group, const float* vector, float sum) const {
  std::size_t features = coefficients.size() / groups - 1;
  sum = coefficients[features * groups + group] + sum;
  for (std::size_t i = 0; i < features; ++i) {
    if (!std::isnan(vector[i])) sum += vector[i] * coefficients[i * groups + group];
  }
  return sum;
}

Booster read_booster(Bytes bytes, std::size_t width, std::size_t groups, const Limits& limits,
                     std::vector<BoosterFact>* facts) {
  if (bytes.size() >= 4 && std::string(bytes.begin(), bytes.begin() + 4) == "binf") bytes = bytes.subspan(4);
  ByteReader reader(bytes, "boosterBytes");
  Booster booster;
  booster.base_score = reader.little<float>();
  auto features = reader.little<std::uint32_t>();
  auto classes = reader.little<std::int32_t>();
  auto has_buffer = reader.little<std::int32_t>() != 0;  // up to version 0.x; its room is then in the file
  reader.skip(4);
  booster.major_version = reader.little<std::int32_t>();
  booster.minor_version = reader.little<std::int32_t>();
  reader.skip(27 * 4);
  if ((classes == 0 ? 1 : classes) != static_cast<std::int64_t>(groups)) {
    throw FormatError("boosterBytes: " + std::to_string(classes) + " classes, the model needs " +
                      std::to_string(groups) + " outputs");
  }
  booster.groups = groups;
  booster.roots.resize(groups);
  booster.objective = read_name(reader);
  std::string kind = read_name(reader);
  if (kind == "gblinear") {
    if (features > width)
      throw FormatError("boosterBytes: " + std::to_string(features) + " features of " +
                        std::to_string(width));
    read_coefficients(reader, features, booster);
    return booster;
  }
  if (kind != "gbtree" && kind != "dart")
    throw UnsupportedError("XGBoost booster " + kind + " is not supported");

  auto trees = reader.little<std::int32_t>();
  reader.skip(12);
  auto buffered = reader.little<std::int64_t>();
  reader.skip(4);
  auto leaf_vector = reader.little<std::int32_t>();
  reader.skip(128);
  if (trees < 0 || static_cast<std::size_t>(trees) > reader.left() / (37 * 4)) {
    throw FormatError("boosterBytes: " + std::to_string(trees) + " trees, " + std::to_string(reader.left()) +
                      " bytes left");
  }
  if (trees > limits.trees)
    throw FormatError("boosterBytes: " + std::to_string(trees) + " trees, the limit is " +
                      std::to_string(limits.trees));
  std::vector<std::uint32_t> roots;
  for (std::int32_t i = 0; i < trees; ++i) {
    roots.push_back(static_cast<std::uint32_t>(booster.nodes.size()));
    append_tree(read_raw_nodes(reader), width, limits.depth, booster.nodes, facts);
  }
  for (std::uint32_t root : roots) {
    auto group = reader.little<std::int32_t>();
    if (group < 0 || group >= static_cast<std::int64_t>(groups))
      throw FormatError("boosterBytes: tree of output group " + std::to_string(group));
    booster.roots[group].push_back(root);
  }
  if (kind == "dart" && trees > 0) {
    if (has_buffer && buffered != 0) {
      if (buffered < 0 || buffered > 0xffffffff || leaf_vector < 0 || leaf_vector > 0xffff)
        throw FormatError("boosterBytes: a prediction buffer of " + std::to_string(buffered) + " rows");
      reader.skip(std::uint64_t{8} * groups * static_cast<std::uint64_t>(buffered) *
                  (static_cast<std::uint64_t>(leaf_vector) + 1));
    }
    if (reader.little<std::uint64_t>() != roots.size())
      throw FormatError("boosterBytes: not one weight per tree");
    for (std::size_t i = 0; i < roots.size(); ++i) booster.weights.push_back(reader.little<float>());
  }
  booster.nodes.shrink_to_fit();
  return booster;
}

}  // namespace mojo
