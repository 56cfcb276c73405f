// One layer of a network: h2o-genmodel's sums, in its order, and its activations.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace mojo {

enum class Activation { linear, softmax, rectifier, exp_rectifier, tanh, maxout };

// `name` with or without "WithDropout". Throws UnsupportedError.
Activation parse_activation(const std::string& name);

struct NeuralLayer {
  Activation activation = Activation::linear;
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  std::size_t pieces = 1;  // of a maxout unit: 1 or 2
  double kept = 1;         // what dropout leaves of each output
  std::vector<float> weights;
  std::vector<double> biases;

  // `out` has room for pieces * outputs values; the first `outputs` are the answer.
  void apply(const double* in, double* out) const;
  std::size_t nbytes() const {
    return weights.capacity() * sizeof(float) + biases.capacity() * sizeof(double);
  }

 private:
  void sum(const double* in, double* out) const;
  void sum_pieces(const double* in, double* out) const;
  void activate(double* out) const;
};

}  // namespace mojo
