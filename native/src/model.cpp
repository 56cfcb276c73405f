#include "model.hpp"

#include <algorithm>
#include <cmath>

#include "algorithms.hpp"
#include "byte_source.hpp"
#include "calibration.hpp"
#include "foreign_file.hpp"
#include "java_numbers.hpp"

namespace mojo {
namespace {

std::vector<std::string> name_outputs(const ModelInfo& info, const Scorer& scorer) {
  if (info.is_classifier()) {
    if (info.response_domain()) return info.response_domain()->strings();
    // Targets given as numbers 0 and 1 leave no domain behind.
    if (info.values.text("distribution", "") == "quasibinomial") return {"pVal0", "pVal1"};
    std::vector<std::string> names;
    for (std::size_t c = 0; c < info.n_classes; ++c) names.push_back(std::to_string(c));
    return names;
  }
  std::vector<std::string> names = scorer.value_names();
  if (names.empty()) names.push_back("predict");
  return names;
}

std::size_t text_bytes(const ModelInfo& info) {
  std::size_t bytes = sizeof(Model);
  for (const std::string& name : info.columns) bytes += sizeof(std::string) + name.capacity();
  for (const std::optional<Domain>& domain : info.domains) {
    if (domain) bytes += domain->nbytes();
  }
  return bytes;
}

}  // namespace

Model::Model(ModelInfo info, std::string algorithm, std::string main_algorithm,
             std::unique_ptr<Scorer> scorer, std::unique_ptr<CategoricalEncoding> encoding)
    : info_(std::move(info)),
      algorithm_(std::move(algorithm)),
      main_algorithm_(std::move(main_algorithm)),
      encoding_(std::move(encoding)),
      scorer_(std::move(scorer)) {
  for (std::string& name : scorer_->added_columns()) {
    auto place = static_cast<std::ptrdiff_t>(info_.n_features++);
    info_.columns.insert(info_.columns.begin() + place, std::move(name));
    info_.domains.insert(info_.domains.begin() + place, std::nullopt);
  }
  const std::string* offset = info_.values.find("offset_column");
  if (offset && scorer_->offset_use() != OffsetUse::none) offset_column_ = *offset;
  if (!encoding_) plain_inputs_ = plain_columns(info_);
  output_names_ = name_outputs(info_, *scorer_);
  std::size_t wanted = output_names_.size() + (info_.is_classifier() ? 1 : 0);
  if (scorer_->width() != wanted) {
    throw FormatError("model.ini: category " + info_.category + " wants " + std::to_string(wanted) +
                      " values, the model gives " + std::to_string(scorer_->width()));
  }
  info_.values = {};  // all read by now; the weights of a network as text would be most of the memory
  nbytes_ = scorer_->nbytes() + text_bytes(info_);
}

std::string Model::calibration_method() const {
  const Calibration* calibration = scorer_->calibration();
  return calibration ? calibration->method() : "";
}

std::vector<std::string> Model::calibrated_names() const {
  std::vector<std::string> names;
  for (const std::string& label : output_names_)
    names.push_back((parse_java_int(label) ? "cal_p" : "cal_") + label);
  return names;
}

void Model::calibrate(std::span<const double> scores, std::span<double> out) const {
  const Calibration& calibration = *scorer_->calibration();
  for (std::size_t i = 0; i + 1 < scores.size(); i += 2) {
    double second = calibration(scores[i], scores[i + 1]);
    out[i] = 1 - second;
    out[i + 1] = second;
  }
}

void Model::check_offsets(const double* offsets, std::size_t count) const {
  OffsetUse use = scorer_->offset_use();
  // Scoring without it would be a silent wrong answer.
  if (!offsets && (offset_column_ || use == OffsetUse::needed)) {
    throw RowError("the model was trained with offset column " + offset_column_.value_or("(unnamed)") +
                   ": pass its values as offset");
  }
  if (!offsets || use == OffsetUse::none) return;
  for (std::size_t i = 0; i < count; ++i) {
    bool missing = std::isnan(offsets[i]);
    if (!missing && (offsets[i] == 0 || use != OffsetUse::refused)) continue;
    std::string shown = missing
                            ? "the offset is missing"
                            : algorithm_ + " takes no offset, " + std::to_string(offsets[i]) + " was given";
    throw RowError("row " + std::to_string(i) + ": " + shown);
  }
}

RowBlock Model::encode(RowBlock rows, std::vector<double>& room) const {
  if (!encoding_) return rows;
  room.resize(rows.count * info_.n_features);
  for (std::size_t i = 0; i < rows.count; ++i) {
    try {
      encoding_->encode(rows.row(i), &room[i * info_.n_features]);
    } catch (const RowError& error) {
      throw RowError(error.what(), i);
    }
  }
  return {room.data(), info_.n_features, rows.count, rows.offsets};
}

const Explainer& Model::explainer() const {
  std::lock_guard lock(explaining_);
  if (explainer_) return *explainer_;
  FileBytes file(path_);
  ZipArchive archive(file, limits_);
  std::string prefix;
  ModelInfo info = read_model_info(archive, prefix, limits_);
  std::string replaced = path_ + " holds another model now (uuid " + info.uuid +
                         ") than was loaded from it (" + info_.uuid + "): load it again to explain its rows";
  if (info.uuid != info_.uuid || info.algorithm != info_.algorithm) throw FormatError(replaced);
  std::unique_ptr<Explainer> made = scorer_->explainer({archive, prefix, info, limits_});
  if (!made)
    throw UnsupportedError("h2o-genmodel explains rows of tree models only, not of " + main_algorithm_);
  if (info.columns != info_.columns || info.domains != info_.domains || info.n_features != info_.n_features ||
      info.n_classes != info_.n_classes)
    throw FormatError(replaced);
  explainer_ = std::move(made);
  return *explainer_;
}

void Model::score(std::span<const double> rows, std::span<double> out, std::int32_t* labels,
                  const double* offsets) const {
  constexpr std::size_t most = 2048;  // rows at once: bounds the room for their preds
  std::size_t features = n_features();
  std::size_t outputs = n_outputs();
  std::size_t width = scorer_->width();
  std::size_t first = width - outputs;  // 1 where preds[0] is the label
  std::size_t count = rows.size() / features;
  check_offsets(offsets, count);
  ScratchPool::Loan scratch = scratches_.borrow(*scorer_);
  std::vector<double>& preds = scratch->preds;
  preds.resize(std::min(most, count) * width);
  for (std::size_t start = 0; start < count; start += most) {
    RowBlock block{&rows[start * features], features, std::min(most, count - start),
                   offsets ? offsets + start : nullptr};
    try {
      block = encode(block, scratch->cells);
      scorer_->score_rows(block, preds.data(), scratch->scratch);
    } catch (const RowError& error) {
      throw RowError("row " + std::to_string(start + error.row) + ": " + error.what());
    }
    for (std::size_t i = 0; i < block.count; ++i) {
      const double* row = &preds[i * width];
      std::copy(row + first, row + width, &out[(start + i) * outputs]);
      if (labels) labels[start + i] = to_int(row[0]);
    }
  }
}

std::unique_ptr<Model> read_model(ZipArchive& archive, const std::string& prefix, const Limits& limits,
                                  int depth) {
  if (depth > limits.nesting)
    throw FormatError("models nested deeper than " + std::to_string(limits.nesting));
  ModelInfo info = read_model_info(archive, prefix, limits);
  ReadScorer read = read_scorer({archive, prefix, info, limits, depth});
  // Models inside of another get rows that are already encoded.
  std::unique_ptr<CategoricalEncoding> encoding;
  if (depth == 0) encoding = CategoricalEncoding::read({archive, prefix, info, limits, depth});
  return std::make_unique<Model>(std::move(info), std::move(read.algorithm), std::move(read.main_algorithm),
                                 std::move(read.scorer), std::move(encoding));
}

std::unique_ptr<Model> load_model(const std::string& path, const Limits& limits) {
  refuse_unpacked(path);
  FileBytes file(path);
  refuse_foreign_bytes(file);
  ZipArchive archive(file, limits);
  refuse_foreign_archive(archive);
  std::unique_ptr<Model> model = read_model(archive, "", limits);
  model->path_ = path;
  model->limits_ = limits;
  return model;
}

}  // namespace mojo
