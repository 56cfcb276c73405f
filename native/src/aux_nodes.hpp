// The files `trees/*_aux.bin`: what training knew about the nodes of a compressed tree.
#pragma once

#include <cstdint>
#include <vector>

#include "byte_reader.hpp"
#include "forest.hpp"

namespace mojo {

struct AuxNode {
  std::int32_t id = 0;
  float weight = 0;  // sum of the observations' weights; of a tree that is one leaf 0
};

// What stands in an aux file's second field.
enum class AuxField { parent, left_splits };

// Appends one AuxNode per node of the tree at `root`, which is the last of `forest`. Records and splits must
// agree one by one. Throws FormatError.
void read_aux_nodes(Bytes bytes, const std::string& name, AuxField field, const Forest& forest,
                    std::uint32_t root, std::vector<AuxNode>& out);

}  // namespace mojo
