#include "algorithms.hpp"

#include <string_view>

#include "coxph.hpp"
#include "errors.hpp"
#include "gbm.hpp"
#include "glm.hpp"
#include "glrm.hpp"
#include "kmeans.hpp"
#include "pca.hpp"
#include "pipeline.hpp"
#include "xgboost.hpp"

namespace mojo {
namespace {

struct Algorithm {
  std::string_view title;  // `algorithm` in model.ini
  std::string_view name;
  std::unique_ptr<Scorer> (*read)(const ModelSource&);
};

// One line per algorithm, older titles too.
constexpr Algorithm kAlgorithms[] = {
    {"Cox Proportional Hazards", "coxph", read_coxph},    {"Generalized Low Rank Model", "glrm", read_glrm},
    {"Generalized Low Rank Modeling", "glrm", read_glrm}, {"K-means", "kmeans", read_kmeans},
    {"Generalized Linear Model", "glm", read_glm},        {"Generalized Linear Modeling", "glm", read_glm},
    {"Gradient Boosting Machine", "gbm", read_gbm},       {"Gradient Boosting Method", "gbm", read_gbm},
    {"Principal Components Analysis", "pca", read_pca},   {"XGBoost", "xgboost", read_xgboost},
};

}  // namespace

ReadScorer read_scorer(const ModelSource& source) {
  const std::string& title = source.info.algorithm;
  if (title == "MOJO Pipeline") {
    Pipeline pipeline = read_pipeline(source);
    return {std::move(pipeline.scorer), "pipeline", std::move(pipeline.main_algorithm)};
  }
  for (const Algorithm& algorithm : kAlgorithms) {
    if (algorithm.title == title) {
      std::string name(algorithm.name);
      return {algorithm.read(source), name, name};
    }
  }
  throw UnsupportedError("algorithm " + title + " is not supported");
}

}  // namespace mojo
