#include "categorical_encoding.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <set>

#include "java_numbers.hpp"
#include "text_values.hpp"

namespace mojo {

// The columns as they were before training encoded them, kept beside the model.
class EncodingReader {
 public:
  explicit EncodingReader(const ModelSource& source)
      : source_(source),
        values_(source.info.values),
        most_(source.limits.columns),
        encoding_(std::make_unique<CategoricalEncoding>()) {
    encoding_->n_features_ = source.info.n_features;
  }

  std::unique_ptr<CategoricalEncoding> read(const std::string& kind) {
    read_originals();
    if (kind == "OneHotExplicit") {
      add_blocks(CategoricalEncoding::Cells::Kind::one_hot);
    } else if (kind == "Binary") {
      add_blocks(CategoricalEncoding::Cells::Kind::bits);
    } else if (kind == "Eigen") {
      add_projected();
    } else if (kind == "EnumLimited") {
      add_limited();
    } else {
      add_labels();
    }
    return std::move(encoding_);
  }

 private:
  using Cells = CategoricalEncoding::Cells;

  Domain read_lines(const std::string& name, std::int64_t count) {
    std::string text = source_.archive.read_text(source_.prefix + name);
    Domain lines;
    lines.reserve(static_cast<std::size_t>(std::min<std::int64_t>(count, std::ssize(text))), text.size());
    for_each_line(text, [&](std::string_view line) { lines.push_back(trim(unescape(line))); });
    if (static_cast<std::int64_t>(lines.size()) != count) {
      throw FormatError(source_.prefix + name + " has " + std::to_string(lines.size()) +
                        " lines, model.ini says " + std::to_string(count));
    }
    return lines;
  }

  void read_originals() {
    names_ = read_lines("_orig_names", values_.count("_n_orig_names", 1, most_)).strings();
    std::int64_t count = values_.count("_n_orig_domain_values", 0, most_);
    for (std::int64_t i = 0; i < count; ++i) {
      std::string number = std::to_string(i);
      std::int64_t levels = values_.count("_m_orig_domain_values_" + number, 0, source_.limits.levels);
      domains_.push_back(nullptr);
      if (levels > 0) domains_.back() = keep(read_lines("_orig_domain_values_" + number, levels));
    }
    if (source_.info.supervised && names_.back() == source_.info.columns.back()) names_.pop_back();
    if (domains_.size() < names_.size())
      throw FormatError("model.ini: fewer _orig_domain_values than _orig_names");
  }

  const Domain* keep(Domain domain) {
    encoding_->domains_.push_back(std::make_unique<Domain>(std::move(domain)));
    return encoding_->domains_.back().get();
  }

  void add(InputColumn column, Cells cells) {
    // Java ignores columns that would start behind the row, such as weights.
    if (cells.first >= encoding_->n_features_) return;
    encoding_->columns_.push_back(std::move(column));
    encoding_->cells_.push_back(cells);
  }

  // Numbers first, then one block per categorical column. Java counts weights and offset as numbers here, so
  // that with them the blocks are shifted against the model.
  void add_blocks(Cells::Kind kind) {
    std::size_t at = 0;
    for (bool categorical : {false, true}) {
      for (std::size_t i = 0; i < names_.size(); ++i) {
        if ((domains_[i] != nullptr) != categorical) continue;
        Cells cells{Cells::Kind::copied, at};
        InputColumn column{names_[i], domains_[i]};
        if (categorical) {
          std::size_t levels = domains_[i]->size();
          cells = {kind, at, std::size_t(std::bit_width(levels)), levels};
          if (kind == Cells::Kind::one_hot) {
            // Of levels that are equal once their outer blanks are gone Java keeps the last.
            cells.count = std::set(domains_[i]->begin(), domains_[i]->end()).size() + 1;
          }
          column.unseen = static_cast<double>(levels);
        }
        at += cells.kind == Cells::Kind::one_hot ? cells.levels + 1 : cells.count;
        add(std::move(column), cells);
      }
    }
  }

  void add_projected() {
    std::vector<double> projection = values_.numbers("_orig_projection_array");
    std::size_t at = 0;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      InputColumn column{names_[i], domains_[i]};
      std::size_t levels = domains_[i] ? domains_[i]->size() : 0;
      if (levels > projection.size() - at)
        throw FormatError("model.ini: _orig_projection_array is too short");
      for (std::size_t k = 0; k < levels; ++k)
        column.values.push_back(static_cast<double>(static_cast<float>(projection[at + k])));
      at += levels;
      add(std::move(column), {Cells::Kind::copied, i});
    }
  }

  // Frequent levels keep their name, the others share one.
  void add_limited() {
    const ModelInfo& info = source_.info;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      InputColumn column{names_[i]};
      if (domains_[i]) {
        if (i >= info.domains.size() || !info.domains[i])
          throw FormatError("model.ini: column " + names_[i] + " has no levels of its own");
        std::map<std::string_view, double> codes;
        for (std::size_t k = 0; k < info.domains[i]->size(); ++k)
          codes[(*info.domains[i])[k]] = static_cast<double>(k);
        if (auto other = codes.find("other"); other != codes.end()) {
          double shared = other->second;
          for (std::string_view level : *domains_[i]) codes.try_emplace(level, shared);
          codes.erase("other");
        }
        Domain levels;
        for (const auto& [level, code] : codes) {
          levels.push_back(level);
          column.values.push_back(code);
        }
        column.levels = keep(std::move(levels));
        column.prefix = names_[i] + ".top_";
        column.suffix = "_levels";
      }
      add(std::move(column), {Cells::Kind::copied, i});
    }
  }

  // A level that is an integer stands for itself, others for their index.
  void add_labels() {
    const ModelInfo& info = source_.info;
    if (domains_.size() < info.n_features)
      throw FormatError("model.ini: fewer _orig_domain_values than features");
    for (std::size_t i = 0; i < info.n_features; ++i) {
      InputColumn column{info.columns[i], domains_[i]};
      for (std::size_t k = 0; domains_[i] && k < domains_[i]->size(); ++k) {
        std::optional<std::int32_t> number = parse_java_int((*domains_[i])[k]);
        column.values.push_back(number ? *number : static_cast<double>(k));
      }
      add(std::move(column), {Cells::Kind::copied, i});
    }
  }

  const ModelSource& source_;
  const InfoValues& values_;
  std::int64_t most_;
  std::unique_ptr<CategoricalEncoding> encoding_;
  std::vector<std::string> names_;
  std::vector<const Domain*> domains_;  // none for numbers
};

std::unique_ptr<CategoricalEncoding> CategoricalEncoding::read(const ModelSource& source) {
  std::string kind = source.info.values.text("_genmodel_encoding", "AUTO");
  for (const char* plain : {"AUTO", "Enum", "SortByResponse", "OneHotInternal"}) {
    if (kind == plain) return nullptr;
  }
  for (const char* known : {"OneHotExplicit", "Binary", "Eigen", "LabelEncoder", "EnumLimited"}) {
    if (kind == known) return EncodingReader(source).read(kind);
  }
  throw UnsupportedError("categorical encoding " + kind + " is not supported");
}

void CategoricalEncoding::encode(const double* record, double* row) const {
  std::fill_n(row, n_features_, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const Cells& cells = cells_[i];
    double value = record[i];
    if (std::isnan(value)) continue;
    if (cells.kind == Cells::Kind::copied) {
      row[cells.first] = value;
      continue;
    }
    std::int64_t level = to_int(value);
    if (static_cast<double>(level) != value || level < 0 || level > static_cast<std::int64_t>(cells.levels))
      throw RowError("column " + std::to_string(i) + ": " + std::to_string(value) + " is no level");
    if (cells.count > n_features_ - cells.first) {
      throw RowError("column " + std::to_string(i) +
                     " does not fit its cells: h2o-genmodel counts weights and offset among the numbers");
    }
    bool unseen = level == static_cast<std::int64_t>(cells.levels);
    std::size_t hot = unseen ? cells.count - 1 : static_cast<std::size_t>(level);
    std::int64_t code = unseen ? 0 : level + 1;  // of bits
    for (std::size_t k = 0; k < cells.count; ++k) {
      bool set = cells.kind == Cells::Kind::one_hot ? k == hot : code >> k & 1;
      row[cells.first + k] = set ? 1 : 0;
    }
  }
}

std::vector<InputColumn> plain_columns(const ModelInfo& info) {
  std::vector<InputColumn> columns;
  for (std::size_t i = 0; i < info.n_features; ++i) {
    InputColumn column{info.columns[i]};
    if (info.domains[i]) column.levels = &*info.domains[i];
    column.prefix = info.columns[i] + ".";
    columns.push_back(std::move(column));
  }
  return columns;
}

}  // namespace mojo
