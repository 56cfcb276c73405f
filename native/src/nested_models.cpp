#include "nested_models.hpp"

#include <set>

namespace mojo {
namespace {

// No folder may lie in another: then each is read once, however the names are made up.
void add_folder(std::set<std::string>& folders, const std::string& key, const std::string& folder) {
  if (!folder.ends_with('/') || folder.size() < 2)
    throw FormatError("model.ini: folder of sub-model " + key + " is no folder: " + folder);
  auto [added, is_new] = folders.insert(folder);
  auto next = std::next(added);
  bool inside = added != folders.begin() && folder.starts_with(*std::prev(added));
  if (!is_new || inside || (next != folders.end() && next->starts_with(folder)))
    throw FormatError("model.ini: two sub-models lie in " + folder);
}

}  // namespace

NestedModels read_nested_models(const ModelSource& source) {
  const InfoValues& values = source.info.values;
  std::int64_t count = values.count("submodel_count", 1, static_cast<std::int64_t>(source.archive.size()));
  std::set<std::string> folders;
  std::map<std::string, std::string> folder_of;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string& key = values.text("submodel_key_" + std::to_string(i));
    const std::string& folder = values.text("submodel_dir_" + std::to_string(i));
    add_folder(folders, key, folder);
    if (!folder_of.try_emplace(key, folder).second)
      throw FormatError("model.ini: two sub-models are called " + key);
  }
  NestedModels models;
  for (const auto& [key, folder] : folder_of) {
    models[key] = read_model(source.archive, source.prefix + folder, source.limits, source.depth + 1);
    if (models[key]->scorer().offset_use() == OffsetUse::needed)  // Java fails for every row
      throw UnsupportedError("sub-model " + key + " needs an offset, and none is passed to it");
  }
  return models;
}

const Model& find_nested(const NestedModels& models, const InfoValues& values, const std::string& role) {
  const std::string& key = values.text(role);
  auto found = models.find(key);
  if (found == models.end())
    throw FormatError("model.ini: " + role + " " + key + " is none of the sub-models");
  return *found->second;
}

std::size_t nbytes_of(const NestedModels& models) {
  std::size_t bytes = 0;
  for (const auto& [key, model] : models) bytes += model->nbytes();
  return bytes;
}

}  // namespace mojo
