// A loaded MOJO: its description and its scorer.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model_info.hpp"
#include "scorer.hpp"
#include "scratch_pool.hpp"

namespace mojo {

class Model {
 public:
  Model(ModelInfo info, std::string algorithm, std::string main_algorithm, std::unique_ptr<Scorer> scorer);

  const ModelInfo& info() const { return info_; }
  const std::string& algorithm() const { return algorithm_; }
  const std::string& main_algorithm() const { return main_algorithm_; }
  const std::vector<std::string>& output_names() const { return output_names_; }
  std::size_t n_features() const { return info_.n_features; }
  std::size_t n_outputs() const { return output_names_.size(); }
  const Scorer& scorer() const { return *scorer_; }
  // The column whose values score() wants as offsets; none where the model has none or ignores it.
  const std::optional<std::string>& offset_column() const { return offset_column_; }
  std::size_t nbytes() const { return nbytes_; }

  // `rows` holds n_features values per row, `out` n_outputs. `labels`, where given, receives one class index
  // per row; `offsets`, where given, has one value per row, and must be given where there is an
  // offset_column(). Safe from several threads. Throws RowError naming the row.
  void score(std::span<const double> rows, std::span<double> out, std::int32_t* labels = nullptr,
             const double* offsets = nullptr) const;

 private:
  void check_offsets(const double* offsets, std::size_t count) const;

  ModelInfo info_;
  std::string algorithm_;
  std::string main_algorithm_;
  std::vector<std::string> output_names_;
  std::optional<std::string> offset_column_;
  std::unique_ptr<Scorer> scorer_;
  std::size_t nbytes_ = 0;
  mutable ScratchPool scratches_;
};

// Reads the model below `prefix` ("" for the archive's own). Throws FormatError, UnsupportedError.
std::unique_ptr<Model> read_model(ZipArchive& archive, const std::string& prefix, const Limits& limits,
                                  int depth = 0);

// Throws also FileError.
std::unique_ptr<Model> load_model(const std::string& path, const Limits& limits = {});

}  // namespace mojo
