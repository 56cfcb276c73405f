// Compressed trees (mojo_version 1.20 to 1.40) to nodes, checked byte by byte.
#pragma once

#include "byte_reader.hpp"
#include "forest.hpp"

namespace mojo {

// Appends the tree and returns its root. `columns` bounds the column index; `name` is for messages.
// A left subtree must have exactly its stated size and the tree exactly all bytes, so no walk can loop.
// Throws FormatError.
std::uint32_t decode_tree(Bytes bytes, std::size_t columns, const std::string& name, Forest& forest);

}  // namespace mojo
