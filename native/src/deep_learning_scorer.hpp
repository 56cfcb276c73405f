// A network in memory: a row becomes cells, the layers follow each other, the last one is the answer.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "class_label.hpp"
#include "errors.hpp"
#include "java_math.hpp"
#include "java_numbers.hpp"
#include "neural_layer.hpp"
#include "scorer.hpp"

namespace mojo {

enum class NetworkTask { classes, number, reconstruction };
enum class NetworkFamily { identity, logistic, exponential };

class DeepLearning final : public Scorer {
 public:
  std::size_t width() const override {
    if (task == NetworkTask::reconstruction) return layers.back().outputs;
    return task == NetworkTask::classes ? classes + 1 : 1;
  }
  std::size_t nbytes() const override {
    std::size_t bytes = offsets.capacity() * sizeof(std::int64_t);
    bytes += (mul.capacity() + sub.capacity()) * sizeof(double);
    for (const NeuralLayer& layer : layers) bytes += layer.nbytes();
    return bytes;
  }
  OffsetUse offset_use() const override { return OffsetUse::none; }
  std::vector<std::string> value_names() const override { return names; }
  std::vector<std::string> deviations() const override { return noted; }

  // Two rows as wide as the widest layer, used in turns.
  void prepare(Scratch& scratch) const override { scratch.doubles.resize(2 * widest()); }

  void score(const double* row, double, double* preds, Scratch& scratch) const override {
    double* in = scratch.doubles.data();
    double* out = in + scratch.doubles.size() / 2;
    encode(row, in);
    for (const NeuralLayer& layer : layers) {
      layer.apply(in, out);
      std::swap(in, out);
    }
    switch (task) {
      case NetworkTask::classes: answer_classes(row, in, preds); break;
      case NetworkTask::number: preds[0] = answer_number(in[0]); break;
      case NetworkTask::reconstruction: answer_row(in, preds); break;
    }
  }

  NetworkTask task = NetworkTask::number;
  NetworkFamily family = NetworkFamily::identity;
  std::size_t classes = 1;
  std::size_t numbers = 0;
  bool all_levels = true;
  std::vector<std::int64_t> offsets;  // one-hot cells of the categorical columns
  std::vector<double> mul, sub;       // of the numbers; empty where they stay as they are
  bool scales_response = false;
  double response_mul = 1;
  double response_sub = 0;
  std::vector<NeuralLayer> layers;
  double threshold = 0.5;
  std::vector<double> priors;
  std::vector<double> trained;  // class shares of balanced training, or none
  std::vector<std::string> names;
  std::vector<std::string> noted;

 private:
  // What is left of a sum in Java's int.
  static std::int64_t java_int(std::int64_t sum) {
    return static_cast<std::int32_t>(static_cast<std::uint64_t>(sum));
  }

  static double inverse_of(NetworkFamily family, double value) {
    switch (family) {
      case NetworkFamily::logistic: return 1 / (1 + java_min(1e19, java_exp(-value)));
      case NetworkFamily::exponential: return java_min(1e19, java_exp(value));
      case NetworkFamily::identity: break;
    }
    return value;
  }

  std::size_t categories() const { return offsets.size() - 1; }
  std::size_t widest() const {
    std::size_t most = layers.front().inputs;
    for (const NeuralLayer& layer : layers) most = std::max(most, layer.pieces * layer.outputs);
    return most;
  }

  // One-hot cells, the last of each column for missing and unknown levels; then the numbers, missing ones 0.
  void encode(const double* row, double* cells) const {
    std::fill_n(cells, offsets.back(), 0.0);
    for (std::size_t i = 0; i < categories(); ++i) {
      std::int64_t cell = offsets[i + 1] - 1;
      if (!std::isnan(row[i])) {
        std::int32_t level = to_int(row[i]);
        if (!all_levels && level == 0) continue;  // the base
        cell = std::min(cell, java_int(std::int64_t{level} - (all_levels ? 0 : 1) + offsets[i]));
      }
      if (cell >= 0) cells[cell] = 1;
    }
    double* values = cells + offsets.back();
    for (std::size_t i = 0; i < numbers; ++i) {
      double value = row[categories() + i];
      if (!mul.empty()) value = (value - sub[i]) * mul[i];
      values[i] = std::isnan(value) ? 0 : value;
    }
  }

  void answer_classes(const double* row, const double* out, double* preds) const {
    for (std::size_t c = 0; c < classes; ++c) {
      preds[c + 1] = out[c];
      if (std::isnan(out[c])) throw RowError("the probability of class " + std::to_string(c) + " is NaN");
    }
    if (!trained.empty()) correct_balance({preds, width()}, priors, trained);
    preds[0] = choose_label({preds, width()}, {row, categories() + numbers}, priors, threshold);
  }

  double answer_number(double out) const {
    double value = inverse_of(family, scales_response ? out / response_mul + response_sub : out);
    if (std::isnan(value)) throw RowError("the prediction is NaN");
    return value;
  }

  void answer_row(const double* out, double* preds) const {
    std::copy_n(out, width(), preds);
    double* values = preds + (width() - numbers);
    for (std::size_t i = 0; i < mul.size(); ++i) values[i] = values[i] / mul[i] + sub[i];
  }
};

}  // namespace mojo
