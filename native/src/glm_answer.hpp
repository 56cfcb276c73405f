// What a generalized linear or additive model makes of its linear predictors.
#pragma once

#include <cstddef>
#include <string>

#include "glm_link.hpp"
#include "model_info.hpp"

namespace mojo {

enum class GlmKind { binary, plain, multinomial, ordinal };

struct GlmAnswer {
  // `algorithm` is for messages, `binomial` what it calls the family of two classes. The link is not read.
  // Throws FormatError, UnsupportedError.
  static GlmAnswer read(const ModelInfo& info, const std::string& algorithm, const std::string& binomial);

  std::size_t width() const { return kind == GlmKind::plain ? 1 : classes + 1; }
  // Coefficients per class, and no link.
  bool has_class_blocks() const { return kind == GlmKind::multinomial || kind == GlmKind::ordinal; }

  // `eta` is asked with the class. Ordinal models, on which the two algorithms differ, are not for this.
  template <class Eta>
  void write(Eta eta, double* preds) const {
    if (kind == GlmKind::multinomial) {
      for (std::size_t c = 0; c < classes; ++c) preds[c + 1] = eta(c);
      share_classes({preds, width()});
      return;
    }
    double mean = mean_of(link, eta(std::size_t{0}), tweedie_power);
    if (kind == GlmKind::plain) {
      preds[0] = mean;
      return;
    }
    preds[0] = mean >= threshold ? 1 : 0;
    preds[1] = 1 - mean;
    preds[2] = mean;
  }

  GlmKind kind = GlmKind::plain;
  GlmLink link = GlmLink::identity;
  double tweedie_power = 0;
  double threshold = 0.5;
  std::size_t classes = 1;
};

}  // namespace mojo
