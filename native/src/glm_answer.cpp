#include "glm_answer.hpp"

#include <algorithm>

#include "errors.hpp"

namespace mojo {
namespace {

GlmKind parse_kind(const std::string& family, const std::string& algorithm, const std::string& binomial) {
  for (const std::string& name :
       {binomial, std::string("fractionalbinomial"), std::string("quasibinomial")}) {
    if (family == name) return GlmKind::binary;
  }
  for (const char* name : {"gaussian", "poisson", "gamma", "tweedie", "negativebinomial"}) {
    if (family == name) return GlmKind::plain;
  }
  if (family == "multinomial") return GlmKind::multinomial;
  if (family == "ordinal") return GlmKind::ordinal;
  throw UnsupportedError(algorithm + " family " + family + " is not supported");
}

}  // namespace

GlmAnswer GlmAnswer::read(const ModelInfo& info, const std::string& algorithm, const std::string& binomial) {
  const std::string& family = info.values.text("family");
  GlmAnswer answer;
  answer.kind = parse_kind(family, algorithm, binomial);
  answer.threshold = info.default_threshold;
  answer.classes = info.n_classes;
  std::size_t wanted = answer.kind == GlmKind::plain    ? 1
                       : answer.kind == GlmKind::binary ? 2
                                                        : std::max<std::size_t>(info.n_classes, 2);
  if (info.n_classes != wanted)
    throw FormatError("model.ini: " + algorithm + " family " + family + " with " +
                      std::to_string(info.n_classes) + " classes");
  return answer;
}

}  // namespace mojo
