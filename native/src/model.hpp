// A loaded MOJO: its description and its scorer.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "categorical_encoding.hpp"
#include "explainer.hpp"
#include "model_info.hpp"
#include "scorer.hpp"
#include "scratch_pool.hpp"

namespace mojo {

class Model {
 public:
  Model(ModelInfo info, std::string algorithm, std::string main_algorithm, std::unique_ptr<Scorer> scorer,
        std::unique_ptr<CategoricalEncoding> encoding = nullptr);

  const ModelInfo& info() const { return info_; }
  const std::string& algorithm() const { return algorithm_; }
  const std::string& main_algorithm() const { return main_algorithm_; }
  const std::vector<std::string>& output_names() const { return output_names_; }
  // The columns of a record, which are those of the matrix that score() takes.
  const std::vector<InputColumn>& inputs() const { return encoding_ ? encoding_->columns() : plain_inputs_; }
  std::size_t n_features() const { return inputs().size(); }
  std::size_t n_outputs() const { return output_names_.size(); }
  const Scorer& scorer() const { return *scorer_; }
  // The column whose values score() wants as offsets; none where the model has none or ignores it.
  const std::optional<std::string>& offset_column() const { return offset_column_; }
  std::size_t nbytes() const { return nbytes_; }

  // "platt", "isotonic", or nothing where the model has no calibrated probabilities.
  std::string calibration_method() const;
  // Names of the calibrated probabilities, as H2O's CSV tool writes them.
  std::vector<std::string> calibrated_names() const;
  // The calibrated probabilities of both classes; `scores` and `out` hold two values per row. Only where
  // there is a calibration_method().
  void calibrate(std::span<const double> scores, std::span<double> out) const;

  // `rows` holds n_features values per row, `out` n_outputs. `labels`, where given, receives one class index
  // per row; `offsets`, where given, has one value per row, and must be given where there is an
  // offset_column(). Safe from several threads. Throws RowError naming the row.
  void score(std::span<const double> rows, std::span<double> out, std::int32_t* labels = nullptr,
             const double* offsets = nullptr) const;

  // What the model says about rows besides its score: `rows` as for score(), `out` with the number of values
  // per row that the explainer's names have. The first call reads the nodes again from the file that the
  // model came from. Safe from several threads. Throws RowError, UnsupportedError, FormatError, FileError.
  const Explainer& explainer() const;
  template <class Value>
  void explain(std::span<const double> rows, std::size_t width, Value* out,
               void (Explainer::*method)(const double*, Value*) const) const;

 private:
  friend std::unique_ptr<Model> load_model(const std::string& path, const Limits& limits);

  // The rows that the scorer takes; `room` holds them where they must be made.
  RowBlock encode(RowBlock rows, std::vector<double>& room) const;
  void check_offsets(const double* offsets, std::size_t count) const;

  ModelInfo info_;
  std::string algorithm_;
  std::string main_algorithm_;
  std::vector<std::string> output_names_;
  std::optional<std::string> offset_column_;
  std::unique_ptr<CategoricalEncoding> encoding_;  // none where records are rows
  std::vector<InputColumn> plain_inputs_;
  std::unique_ptr<Scorer> scorer_;
  std::size_t nbytes_ = 0;
  mutable ScratchPool scratches_;

  std::string path_;  // of the file, where the model was loaded from one
  Limits limits_;
  mutable std::mutex explaining_;
  mutable std::unique_ptr<Explainer> explainer_;
};

template <class Value>
void Model::explain(std::span<const double> rows, std::size_t width, Value* out,
                    void (Explainer::*method)(const double*, Value*) const) const {
  const Explainer& asked = explainer();
  std::vector<double> room;
  std::size_t count = rows.size() / n_features();
  for (std::size_t i = 0; i < count; ++i) {
    try {
      RowBlock row = encode({&rows[i * n_features()], n_features(), 1}, room);
      (asked.*method)(row.values, out + i * width);
    } catch (const RowError& error) {
      throw RowError("row " + std::to_string(i) + ": " + error.what());
    }
  }
}

// Reads the model below `prefix` ("" for the archive's own). Throws FormatError, UnsupportedError.
std::unique_ptr<Model> read_model(ZipArchive& archive, const std::string& prefix, const Limits& limits,
                                  int depth = 0);

// Throws also FileError.
std::unique_ptr<Model> load_model(const std::string& path, const Limits& limits = {});

}  // namespace mojo
