#include "deep_learning.hpp"

#include "deep_learning_scorer.hpp"
#include "level_blocks.hpp"
#include "text_values.hpp"

namespace mojo {
namespace {

NetworkFamily parse_family(const std::string& name) {
  for (const char* known : {"bernoulli", "quasibinomial", "ordinal"}) {
    if (name == known) return NetworkFamily::logistic;
  }
  for (const char* known : {"multinomial", "poisson", "gamma", "tweedie"}) {
    if (name == known) return NetworkFamily::exponential;
  }
  for (const char* known : {"AUTO", "gaussian", "huber", "laplace", "quantile", "fractionalbinomial",
                            "negativebinomial", "custom"}) {
    if (name == known) return NetworkFamily::identity;
  }
  // For modified_huber genmodel answers without a look at the network: class -1.
  throw UnsupportedError("distribution " + name + " is not supported");
}

class NetworkReader {
 public:
  explicit NetworkReader(const ModelSource& source) : info_(source.info), values_(source.info.values) {}

  std::unique_ptr<Scorer> read() {
    info_.require_version(1.00, 1.10);
    // Without it a model of encoded columns would pass for a plain one.
    if (parse_number("mojo_version", info_.mojo_version) >= 1.10) values_.text("_genmodel_encoding");
    refuse_other_encodings();
    read_task();
    read_input();
    read_response();
    read_layers();
    if (model_->task == NetworkTask::reconstruction) name_reconstruction();
    if (const std::string* offset = values_.find("offset_column"))
      model_->noted.push_back("the offset " + *offset + " is not used: h2o-genmodel ignores it");
    return std::move(model_);
  }

 private:
  void refuse_other_encodings() const {
    std::string encoding = values_.text("_genmodel_encoding", "AUTO");
    for (const char* known :
         {"AUTO", "SortByResponse", "OneHotInternal", "Binary", "Eigen", "LabelEncoder"}) {
      if (encoding == known) return;
    }
    throw UnsupportedError("categorical encoding " + encoding + " is not supported");
  }

  void read_task() {
    model_->family = parse_family(values_.text("distribution"));
    model_->classes = info_.n_classes;
    model_->threshold = info_.default_threshold;
    model_->priors = info_.prior_distribution;
    if (info_.category == "AutoEncoder")
      model_->task = NetworkTask::reconstruction;
    else if (info_.is_classifier())
      model_->task = NetworkTask::classes;
    else if (info_.category != "Regression")
      throw FormatError("model.ini: a network of category " + info_.category);
    if (info_.balance_classes && model_->task == NetworkTask::classes) {
      if (info_.prior_distribution.empty() || info_.model_distribution.empty())
        throw FormatError("model.ini: balance_classes without class distributions");
      model_->trained = info_.model_distribution;
    }
  }

  void read_input() {
    auto features = static_cast<std::int64_t>(info_.n_features);
    std::int64_t categories = values_.count("cats", 0, features);
    model_->numbers = values_.count("nums", 0, features);
    if (categories + static_cast<std::int64_t>(model_->numbers) != features)
      throw FormatError("model.ini: cats and nums do not add up to n_features");
    model_->offsets = values_.integers("cat_offsets", static_cast<std::size_t>(categories) + 1);
    check_level_blocks("cat_offsets", model_->offsets);
    model_->all_levels = values_.flag("use_all_factor_levels");
    model_->mul = values_.numbers("norm_mul");
    if (!model_->mul.empty()) {
      model_->mul = values_.numbers("norm_mul", model_->numbers);
      model_->sub = values_.numbers("norm_sub", model_->numbers);
    }
  }

  void read_response() {
    std::vector<double> mul = values_.numbers("norm_resp_mul");
    if (mul.empty()) return;
    model_->scales_response = true;
    model_->response_mul = mul[0];
    model_->response_sub = values_.numbers("norm_resp_sub", mul.size())[0];
  }

  void read_layers() {
    std::vector<std::int64_t> units = values_.integers("neural_network_sizes");
    if (units.size() < 2 || units.size() > kMostLayers)
      throw FormatError("model.ini: neural_network_sizes has " + std::to_string(units.size()) + " entries");
    for (std::int64_t unit : units) {
      if (unit < 1 || unit > kMostUnits)
        throw FormatError("model.ini: neural_network_sizes holds " + std::to_string(unit));
    }
    check_ends(units);
    std::vector<double> ratios = values_.numbers("hidden_dropout_ratios", units.size() - 1);
    for (std::size_t l = 0; l + 1 < units.size(); ++l)
      model_->layers.push_back(read_layer(l, units, ratios[l]));
  }

  void check_ends(const std::vector<std::int64_t>& units) const {
    std::int64_t inputs = model_->offsets.back() + static_cast<std::int64_t>(model_->numbers);
    std::int64_t outputs = model_->task == NetworkTask::reconstruction ? inputs
                           : model_->task == NetworkTask::classes ? static_cast<std::int64_t>(info_.n_classes)
                                                                  : 1;
    if (units.front() != inputs || units.back() != outputs) {
      throw FormatError("model.ini: neural_network_sizes goes from " + std::to_string(units.front()) +
                        " to " + std::to_string(units.back()) + ", the columns from " +
                        std::to_string(inputs) + " to " + std::to_string(outputs));
    }
  }

  NeuralLayer read_layer(std::size_t at, const std::vector<std::int64_t>& units, double dropped) const {
    bool last = at + 2 == units.size();
    const std::string& name = values_.text("activation");
    NeuralLayer layer;
    layer.inputs = static_cast<std::size_t>(units[at]);
    layer.outputs = static_cast<std::size_t>(units[at + 1]);
    layer.activation = parse_activation(name);
    if (last && model_->task == NetworkTask::classes) layer.activation = Activation::softmax;
    if (last && model_->task == NetworkTask::number) layer.activation = Activation::linear;
    if (!(dropped >= 0 && dropped < 1))
      throw FormatError("model.ini: hidden_dropout_ratios holds " + std::to_string(dropped));
    bool drops = name.ends_with("WithDropout") && !(last && model_->task != NetworkTask::reconstruction);
    if (drops) layer.kept = 1 - dropped;

    std::string number = std::to_string(at);
    layer.biases = values_.numbers("bias_layer" + number);
    if (layer.activation == Activation::maxout) layer.pieces = layer.biases.size() / layer.outputs;
    // With more pieces genmodel reads behind the end of its own array.
    if (layer.pieces != 1 && layer.pieces != 2)
      throw FormatError("model.ini: bias_layer" + number + " is for " + std::to_string(layer.pieces) +
                        " pieces per unit");
    layer.biases = values_.numbers("bias_layer" + number, layer.pieces * layer.outputs);
    std::vector<double> weights =
        values_.numbers("weight_layer" + number, layer.pieces * layer.outputs * layer.inputs);
    layer.weights.assign(weights.begin(), weights.end());
    return layer;
  }

  // As GenModel.getOutputNames.
  void name_reconstruction() {
    for (std::size_t i = 0; i < info_.n_features; ++i) {
      const std::string name = "reconstr_" + info_.columns[i];
      if (info_.domains[i].has_value() != (i + 1 < model_->offsets.size()))
        throw FormatError("model.ini: column " + info_.columns[i] + " of an autoencoder is in another place");
      if (info_.domains[i]) {
        for (std::string_view level : *info_.domains[i]) model_->names.push_back((name + ".").append(level));
        model_->names.push_back(name + ".missing(NA)");
      } else {
        model_->names.push_back(name);
      }
    }
  }

  static constexpr std::size_t kMostLayers = 10'000;
  static constexpr std::int64_t kMostUnits = std::int64_t{1} << 31;

  const ModelInfo& info_;
  const InfoValues& values_;
  std::unique_ptr<DeepLearning> model_ = std::make_unique<DeepLearning>();
};

}  // namespace

std::unique_ptr<Scorer> read_deep_learning(const ModelSource& source) { return NetworkReader(source).read(); }

}  // namespace mojo
