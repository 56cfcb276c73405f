// The models inside of a model: `submodel_*` of model.ini.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "model.hpp"
#include "model_source.hpp"

namespace mojo {

using NestedModels = std::map<std::string, std::unique_ptr<Model>>;  // by key

// Throws FormatError, UnsupportedError.
NestedModels read_nested_models(const ModelSource& source);

// The model whose key stands under `role` in model.ini. Throws FormatError.
const Model& find_nested(const NestedModels& models, const InfoValues& values, const std::string& role);

std::size_t nbytes_of(const NestedModels& models);

}  // namespace mojo
