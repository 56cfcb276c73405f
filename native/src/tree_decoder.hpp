// Compressed trees (mojo_version 1.00 to 1.40) to nodes, checked byte by byte.
#pragma once

#include "byte_reader.hpp"
#include "forest.hpp"
#include "model_source.hpp"

namespace mojo {

enum class TreeVersion {
  first,    // 1.00: a level outside of a set goes left
  second,   // 1.10: it counts as missing
  current,  // from 1.20 on: so does a level outside of the domain; sets are counted in bits
};
TreeVersion tree_version(const ModelInfo& info);

// Appends the tree and returns its root. `source` knows the columns and the limits; `name` is for messages.
// A left subtree must have exactly its stated size and the tree exactly all bytes, so no walk can loop.
// Throws FormatError.
std::uint32_t decode_tree(Bytes bytes, const ModelSource& source, const std::string& name,
                          TreeVersion version, Forest& forest);

}  // namespace mojo
