#include "neural_layer.hpp"

#include <cmath>

#include "errors.hpp"
#include "java_math.hpp"

namespace mojo {
namespace {

void to_softmax(double* values, std::size_t count) {
  double largest = values[0];
  for (std::size_t i = 0; i < count; ++i) largest = largest < values[i] ? values[i] : largest;
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = java_exp(values[i] - largest);
    sum += values[i];
  }
  for (std::size_t i = 0; i < count; ++i) values[i] /= sum;
}

}  // namespace

Activation parse_activation(const std::string& name) {
  constexpr std::string_view dropout = "WithDropout";
  std::string plain = name.ends_with(dropout) ? name.substr(0, name.size() - dropout.size()) : name;
  if (plain == "Rectifier") return Activation::rectifier;
  if (plain == "ExpRectifier") return Activation::exp_rectifier;
  if (plain == "Tanh") return Activation::tanh;
  if (plain == "Maxout") return Activation::maxout;
  throw UnsupportedError("activation " + name + " is not supported");
}

void NeuralLayer::apply(const double* in, double* out) const {
  if (pieces == 1)
    sum(in, out);
  else
    sum_pieces(in, out);
  activate(out);
  if (kept == 1) return;
  for (std::size_t i = 0; i < outputs; ++i) out[i] *= kept;
}

// Eight sums over blocks of eight columns, then the columns left over.
void NeuralLayer::sum(const double* in, double* out) const {
  std::size_t blocked = inputs - inputs % 8;
  const float* row = weights.data();
  for (std::size_t o = 0; o < outputs; ++o, row += inputs) {
    double part[8] = {};
    for (std::size_t i = 0; i < blocked; i += 8) {
      for (std::size_t k = 0; k < 8; ++k) part[k] += static_cast<double>(row[i + k]) * in[i + k];
    }
    double total = 0;
    total += ((part[0] + part[1]) + part[2]) + part[3];
    total += ((part[4] + part[5]) + part[6]) + part[7];
    for (std::size_t i = blocked; i < inputs; ++i) total += static_cast<double>(row[i]) * in[i];
    out[o] = total + biases[o];
  }
}

// The weights of a unit's pieces lie beside each other; here the sums are plain.
void NeuralLayer::sum_pieces(const double* in, double* out) const {
  for (std::size_t o = 0; o < outputs; ++o) {
    for (std::size_t k = 0; k < pieces; ++k) {
      double total = 0;
      for (std::size_t i = 0; i < inputs; ++i)
        total += in[i] * static_cast<double>(weights[pieces * (o * inputs + i) + k]);
      out[pieces * o + k] = total + biases[pieces * o + k];
    }
  }
}

void NeuralLayer::activate(double* out) const {
  switch (activation) {
    case Activation::linear: break;
    case Activation::softmax: to_softmax(out, outputs); break;
    case Activation::rectifier:
      for (std::size_t i = 0; i < outputs; ++i) out[i] = 0.5 * (out[i] + std::abs(out[i]));
      break;
    case Activation::exp_rectifier:
      for (std::size_t i = 0; i < outputs; ++i) out[i] = out[i] >= 0 ? out[i] : java_exp(out[i]) - 1;
      break;
    case Activation::tanh:
      for (std::size_t i = 0; i < outputs; ++i) out[i] = 1. - 2. / (1. + java_exp(2. * out[i]));
      break;
    case Activation::maxout:
      if (pieces == 1) break;
      for (std::size_t i = 0; i < outputs; ++i) {
        double first = out[2 * i], second = out[2 * i + 1];
        out[i] = first > second ? first : second;
      }
  }
}

}  // namespace mojo
