#include "aux_nodes.hpp"

#include <algorithm>

namespace mojo {

void read_aux_nodes(Bytes bytes, const std::string& name, AuxField field, const Forest& forest,
                    std::uint32_t root, std::vector<AuxNode>& out) {
  ByteReader reader(bytes, name);
  auto end = static_cast<std::uint32_t>(forest.nodes.size());
  auto fail = [&](const std::string& why) { throw FormatError(name + ": " + why); };
  std::vector<std::int32_t> splits_before{0};  // of each node in its order
  for (std::uint32_t at = root; at < end; ++at)
    splits_before.push_back(splits_before.back() + (forest.nodes[at].kind == Node::leaf ? 0 : 1));
  std::vector<std::int32_t> ids;
  out.resize(end);
  for (std::uint32_t at = root; at < end; ++at) {
    if (forest.nodes[at].kind == Node::leaf) continue;
    auto id = reader.little<std::int32_t>();
    auto second = reader.little<std::int32_t>();
    if (id != out[at].id)
      fail("node " + std::to_string(id) + " where the tree has node " + std::to_string(out[at].id));
    ids.push_back(id);
    std::uint32_t left = at + 1;
    std::uint32_t right = forest.nodes[at].right;
    if (field == AuxField::left_splits && second != splits_before[right - root] - splits_before[left - root])
      fail("node " + std::to_string(id) + " has another number of splits on its left in the tree");
    out[left].weight = reader.little<float>();
    out[right].weight = reader.little<float>();
    if (at == root) out[root].weight = out[left].weight + out[right].weight;
    reader.skip(16);  // predictions and squared errors
    out[left].id = reader.little<std::int32_t>();
    out[right].id = reader.little<std::int32_t>();
  }
  if (reader.left() != 0) fail(std::to_string(reader.left()) + " bytes behind the last split");
  std::ranges::sort(ids);
  auto twice = std::ranges::adjacent_find(ids);
  if (twice != ids.end()) fail("node " + std::to_string(*twice) + " is there twice");
}

}  // namespace mojo
