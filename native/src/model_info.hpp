// model.ini and the domain files: what every MOJO says about itself.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain.hpp"
#include "zip_archive.hpp"

namespace mojo {

// The `key = value` lines of [info]. `null` counts as absent. Getters throw FormatError.
class InfoValues {
 public:
  void set(std::string key, std::string value) { values_[std::move(key)] = std::move(value); }

  const std::string* find(const std::string& key) const;
  const std::string& text(const std::string& key) const;
  std::string text(const std::string& key, const std::string& otherwise) const;
  bool flag(const std::string& key) const;
  bool flag(const std::string& key, bool otherwise) const;
  double number(const std::string& key) const;
  double number(const std::string& key, double otherwise) const;
  // An integer inside [low, high].
  std::int64_t count(const std::string& key, std::int64_t low, std::int64_t high) const;
  std::vector<double> numbers(const std::string& key) const;  // absent: empty
  std::vector<double> numbers(const std::string& key, std::size_t wanted) const;
  std::vector<std::int64_t> integers(const std::string& key) const;  // absent: empty
  std::vector<std::int64_t> integers(const std::string& key, std::size_t wanted) const;

 private:
  std::map<std::string, std::string> values_;
};

struct ModelInfo {
  InfoValues values;
  std::string algorithm;  // as the file names it, such as "Gradient Boosting Machine"
  std::string category;
  std::string h2o_version;
  std::string mojo_version;
  std::string uuid;
  double default_threshold = 0.5;
  bool supervised = false;
  bool balance_classes = false;
  std::size_t n_features = 0;
  std::size_t n_classes = 0;
  std::vector<std::string> columns;
  std::vector<std::optional<Domain>> domains;  // one per column, none for numbers
  std::vector<double> prior_distribution;      // empty or n_classes
  std::vector<double> model_distribution;      // empty or n_classes

  bool is_classifier() const {
    return category == "Binomial" || category == "Multinomial" || category == "Ordinal";
  }
  const std::optional<Domain>& response_domain() const { return domains.back(); }
  // Throws UnsupportedError when the file's mojo_version lies outside of [low, high].
  void require_version(double low, double high) const;
};

// Reads `<prefix>model.ini` and the domain files it names. Throws FormatError, UnsupportedError.
ModelInfo read_model_info(ZipArchive& archive, const std::string& prefix, const Limits& limits);

}  // namespace mojo
