#include "tree_decoder.hpp"

#include <algorithm>

#include "text_values.hpp"

namespace mojo {
namespace {

constexpr std::uint16_t kSingleLeaf = 0xffff;

class TreeDecoder {
 public:
  TreeDecoder(Bytes bytes, const ModelSource& source, const std::string& name, TreeVersion version,
              Forest& forest)
      : reader_(bytes, name),
        info_(source.info),
        most_depth_(static_cast<std::size_t>(source.limits.depth)),
        name_(name),
        most_bits_(forest.bits.size() + 64 * bytes.size()),
        version_(version),
        forest_(forest) {}

  std::uint32_t decode() {
    auto root = static_cast<std::uint32_t>(forest_.nodes.size());
    if (is_single_leaf()) return root;
    // A subtree still to be read: where it must end, and whose right child it is.
    add_split();
    while (!open_.empty()) {
      Open& top = open_.back();
      if (!top.left_done) {
        top.left_done = true;
        if (top.left_is_leaf) {
          add_leaf();
        } else {
          add_split();
        }
        continue;
      }
      if (!top.right_done) {
        top.right_done = true;
        if (top.left_end != kAnyEnd && reader_.position() != top.left_end)
          fail("left subtree does not have its stated size");
        forest_.nodes[top.node].right = static_cast<std::uint32_t>(forest_.nodes.size());
        if (top.right_is_leaf) {
          add_leaf();
        } else {
          add_split();
        }
        continue;
      }
      open_.pop_back();
    }
    if (reader_.left() != 0) fail(std::to_string(reader_.left()) + " bytes behind its end");
    return root;
  }

 private:
  static constexpr std::uint64_t kAnyEnd = ~std::uint64_t{0};

  struct Open {
    std::uint64_t left_end;
    std::uint32_t node;
    bool left_is_leaf, right_is_leaf;
    bool left_done = false, right_done = false;
  };

  [[noreturn]] void fail(const std::string& why) const {
    throw FormatError(name_ + ": " + why + " (offset " + std::to_string(reader_.position()) + ")");
  }

  bool is_single_leaf() {
    ByteReader ahead = reader_;
    ahead.skip(1);
    if (ahead.little<std::uint16_t>() != kSingleLeaf) return false;
    reader_.skip(3);
    add_leaf();
    if (reader_.left() != 0) fail("bytes behind a tree of one leaf");
    return true;
  }

  void add_leaf() {
    Node node{};
    node.value = reader_.little<float>();
    forest_.nodes.push_back(node);
  }

  void add_split() {
    auto type = reader_.little<std::uint8_t>();
    auto column = reader_.little<std::uint16_t>();
    auto direction = reader_.little<std::uint8_t>();
    int left = type & 0x30;
    int right = type & 0xc0;
    if ((left != 0 && left != 0x30) || (right != 0 && right != 0xc0))
      fail("illegal node type " + std::to_string(type));
    if (column >= info_.n_features)
      fail("column " + std::to_string(column) + " of " + std::to_string(info_.n_features));
    if (direction > 5) fail("illegal direction of missing values " + std::to_string(direction));

    Node node{};
    node.column = column;
    node.missing_left = direction == 2 || direction == 4;
    add_condition(node, type & 0x0c, direction == 1);
    Open open{kAnyEnd, static_cast<std::uint32_t>(forest_.nodes.size()), left != 0, right != 0};
    if (left == 0) {
      std::uint64_t size = 0;
      int width = (type & 3) + 1;
      Bytes bytes = reader_.take(width);
      for (int i = 0; i < width; ++i) size |= std::uint64_t{bytes[i]} << (8 * i);
      if (size > reader_.left())
        fail("left subtree of " + std::to_string(size) + " bytes, " + std::to_string(reader_.left()) +
             " left");
      open.left_end = reader_.position() + size;
    }
    forest_.nodes.push_back(node);
    open_.push_back(open);
    if (open_.size() > most_depth_) fail("deeper than " + std::to_string(most_depth_) + " splits");
  }

  void add_condition(Node& node, int kind, bool missing_only) {
    if (missing_only) {
      if (kind != 0) fail("a set beside missing-against-rest");
      node.kind = Node::missing_only;
      return;
    }
    switch (kind) {
      case 0:
        node.kind = forest_.level_counts[node.column] == kNoDomain ? Node::number : Node::number_of_level;
        node.value = reader_.little<float>();
        return;
      case 8: add_set(node, 0, 32); return;
      case 12: {
        auto first = reader_.little<std::uint16_t>();
        auto count = version_ == TreeVersion::current ? reader_.little<std::int32_t>()
                                                      : 8 * std::int32_t{reader_.little<std::uint16_t>()};
        if (count < 1) fail("a set of " + std::to_string(count) + " levels");
        add_set(node, first, count);
        return;
      }
      default: fail("illegal kind of split");
    }
  }

  void add_set(Node& node, std::int32_t first, std::int32_t count) {
    Bytes bytes = reader_.take((std::uint64_t(count) + 7) / 8);
    // Levels outside of the domain count as missing, so the set can end with the domain.
    std::int64_t inside = forest_.level_counts[node.column] - first;
    LevelSet set{forest_.bits.size() * 8, first,
                 static_cast<std::int32_t>(std::clamp<std::int64_t>(inside, 0, count))};
    bytes = bytes.first((std::uint64_t(set.count) + 7) / 8);
    forest_.bits.insert(forest_.bits.end(), bytes.begin(), bytes.end());
    if (version_ == TreeVersion::first && !node.missing_left) spread_set(node, set);
    node.kind = Node::level_set;
    node.set = static_cast<std::uint32_t>(forest_.sets.size());
    forest_.sets.push_back(set);
  }

  // In the first version a level outside of the set goes left although missing values go right: the set
  // becomes one of all levels of the column.
  void spread_set(const Node& node, LevelSet& set) {
    const std::optional<Domain>& domain = info_.domains[node.column];
    std::int64_t end = std::max<std::int64_t>(domain ? static_cast<std::int64_t>(domain->size()) : 0,
                                              std::int64_t{set.first} + set.count);
    std::vector<std::uint8_t> spread((static_cast<std::uint64_t>(end) + 7) / 8);
    for (std::int64_t i = 0; i < set.count; ++i) {
      std::uint64_t bit = set.bit + static_cast<std::uint64_t>(i);
      auto level = static_cast<std::uint64_t>(set.first + i);
      if (forest_.bits[bit >> 3] >> (bit & 7) & 1)
        spread[level >> 3] |= static_cast<std::uint8_t>(1 << (level & 7));
    }
    forest_.bits.resize(set.bit / 8);
    forest_.bits.insert(forest_.bits.end(), spread.begin(), spread.end());
    if (forest_.bits.size() > most_bits_) fail("sets of far more levels than bytes");
    set.first = 0;
    set.count = static_cast<std::int32_t>(end);
  }

  ByteReader reader_;
  const ModelInfo& info_;
  std::size_t most_depth_;
  const std::string& name_;
  std::size_t most_bits_;
  TreeVersion version_;
  Forest& forest_;
  std::vector<Open> open_;
};

}  // namespace

TreeVersion tree_version(const ModelInfo& info) {
  double version = parse_number("mojo_version", info.mojo_version);
  if (version == 1.0) return TreeVersion::first;
  return version == 1.1 ? TreeVersion::second : TreeVersion::current;
}

std::uint32_t decode_tree(Bytes bytes, const ModelSource& source, const std::string& name,
                          TreeVersion version, Forest& forest) {
  return TreeDecoder(bytes, source, name, version, forest).decode();
}

}  // namespace mojo
