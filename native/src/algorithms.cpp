#include "algorithms.hpp"

#include <string_view>

#include "coxph.hpp"
#include "deep_learning.hpp"
#include "drf.hpp"
#include "errors.hpp"
#include "extended_isolation_forest.hpp"
#include "gam.hpp"
#include "gbm.hpp"
#include "glm.hpp"
#include "glrm.hpp"
#include "isolation_forest.hpp"
#include "isotonic_regression.hpp"
#include "klime.hpp"
#include "kmeans.hpp"
#include "pca.hpp"
#include "pipeline.hpp"
#include "rule_fit.hpp"
#include "stacked_ensemble.hpp"
#include "target_encoder.hpp"
#include "uplift_drf.hpp"
#include "word2vec.hpp"
#include "xgboost.hpp"

namespace mojo {
namespace {

struct Algorithm {
  std::string_view title;  // `algorithm` in model.ini
  std::string_view name;
  std::unique_ptr<Scorer> (*read)(const ModelSource&);
};

// One line per algorithm, older titles too.
// clang-format off
constexpr Algorithm kAlgorithms[] = {
    {"Cox Proportional Hazards", "coxph", read_coxph},
    {"Deep Learning", "deeplearning", read_deep_learning},
    {"deep learning", "deeplearning", read_deep_learning},
    {"Distributed Random Forest", "drf", read_drf},
    {"Extended Isolation Forest", "extendedisolationforest", read_extended_isolation_forest},
    {"Generalized Additive Model", "gam", read_gam},
    {"Gradient Boosting Machine", "gbm", read_gbm},
    {"Gradient Boosting Method", "gbm", read_gbm},
    {"Generalized Linear Model", "glm", read_glm},
    {"Generalized Linear Modeling", "glm", read_glm},
    {"Generalized Low Rank Model", "glrm", read_glrm},
    {"Generalized Low Rank Modeling", "glrm", read_glrm},
    {"Isolation Forest", "isolationforest", read_isolation_forest},
    {"Isotonic Regression", "isotonicregression", read_isotonic_regression},
    {"k-LIME", "klime", read_klime},
    {"K-means", "kmeans", read_kmeans},
    {"Principal Components Analysis", "pca", read_pca},
    {"RuleFit", "rulefit", read_rule_fit},
    {"Stacked Ensemble", "stackedensemble", read_stacked_ensemble},
    {"StackedEnsemble", "stackedensemble", read_stacked_ensemble},
    {"TargetEncoder", "targetencoder", read_target_encoder},
    {"Uplift Distributed Random Forest", "upliftdrf", read_uplift_drf},
    {"Word2Vec", "word2vec", read_word2vec},
    {"XGBoost", "xgboost", read_xgboost},
};
// clang-format on

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
