#include "target_encoder.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "encoding_map.hpp"
#include "java_hash_map.hpp"
#include "target_encoder_scorer.hpp"
#include "text_values.hpp"

namespace mojo {
namespace {

const std::string kFolder = "feature_engineering/target_encoding/";

// A `[from] ... [to] ... [to_domain] ...` entry.
struct Mapping {
  std::vector<std::string> from, to;
  std::vector<std::string> to_domain;
};

class EncoderReader {
 public:
  explicit EncoderReader(const ModelSource& source) : source_(source), info_(source.info) {}

  std::unique_ptr<Scorer> read() {
    info_.require_version(1.00, 1.00);
    read_blending();
    read_maps();
    read_presence();
    std::vector<Mapping> inputs = read_mappings("input_encoding_columns_map.ini");
    std::vector<Mapping> outputs = read_mappings("input_output_columns_map.ini");
    // Old files have neither; Java then walks its hash map.
    if (inputs.empty() && outputs.empty()) inputs = default_mappings();
    if (inputs.size() != maps_.size())
      throw FormatError("target encoder: " + std::to_string(inputs.size()) + " columns for " +
                        std::to_string(maps_.size()) + " encodings");
    for (const Mapping& mapping : inputs) add_column(mapping);
    name_values(outputs);
    return std::move(encoder_);
  }

 private:
  std::string text(const std::string& name) const {
    std::string entry = source_.prefix + kFolder + name;
    return source_.archive.contains(entry) ? source_.archive.read_text(entry) : std::string();
  }

  void read_blending() {
    if (!info_.values.flag("with_blending")) return;
    blending_ = Blending{info_.values.number("inflection_point"), info_.values.number("smoothing")};
  }

  void read_maps() {
    std::string content = text("encoding_map.ini");
    std::string section;
    std::vector<std::string_view> lines;
    auto finish = [&] {
      if (maps_.contains(section)) throw FormatError("encoding of column " + section + " is there twice");
      maps_[section] = EncodingMap::parse(section, lines, info_.n_classes, blending_ ? &*blending_ : nullptr);
      put_order_.push_back(section);
      lines.clear();
    };
    bool started = false;
    for (std::string_view raw : split_lines(content)) {
      std::string_view line = trim(raw);
      std::size_t open = line.find('[');
      std::size_t close = open == line.npos ? open : line.find(']', open);
      if (close != line.npos) {  // as Java: from the first [ to the next ]
        if (started) finish();
        section = std::string(line.substr(open + 1, close - open - 1));
        started = true;
      } else if (!started) {
        throw FormatError("encoding_map.ini does not start with a section: " +
                          std::string(line.substr(0, 60)));
      } else {
        lines.push_back(line);
      }
    }
    if (!started) throw FormatError("encoding_map.ini is missing or empty");
    finish();
  }

  void read_presence() {
    std::string content = text("te_column_name_to_missing_values_presence.ini");
    for (std::string_view line : split_lines(content)) {
      std::size_t equals = line.find('=');
      if (equals == line.npos)
        throw FormatError("missing values of columns: line without '=': " + std::string(line.substr(0, 60)));
      std::int64_t flag = parse_integer("missing values of columns", trim(line.substr(equals + 1)));
      presence_[std::string(trim(line.substr(0, equals)))] = flag == 1;
    }
  }

  std::vector<Mapping> read_mappings(const std::string& name) const {
    std::vector<Mapping> mappings;
    std::vector<std::string>* part = nullptr;
    std::string content = text(name);
    for (std::string_view raw : split_lines(content)) {
      std::string line(trim(raw));
      if (line == "[from]") {
        mappings.emplace_back();
        part = &mappings.back().from;
      } else if (!part) {
        throw FormatError(name + " does not start with [from]");
      } else if (line == "[to]") {
        part = &mappings.back().to;
      } else if (line == "[to_domain]") {
        part = &mappings.back().to_domain;
      } else {
        part->push_back(line);
      }
    }
    for (const Mapping& mapping : mappings) {
      if (mapping.from.empty() || mapping.to.empty()) throw FormatError(name + ": an entry without columns");
    }
    return mappings;
  }

  std::vector<Mapping> default_mappings() const {
    std::vector<std::int32_t> hashes;
    for (const std::string& section : put_order_) hashes.push_back(java_hash(section));
    std::vector<Mapping> mappings;
    for (std::size_t k : java_hash_map_order(hashes))
      mappings.push_back({{put_order_[k]}, {put_order_[k]}, {}});
    return mappings;
  }

  void add_column(const Mapping& mapping) {
    EncodedColumn column;
    column.name = mapping.to[0];
    auto map = maps_.find(column.name);
    if (map == maps_.end()) throw FormatError("target encoder: column " + column.name + " has no encoding");
    column.map = map->second;
    auto presence = presence_.find(column.name);
    if (presence == presence_.end())
      throw FormatError("target encoder: whether column " + column.name + " had missing values is not said");
    column.had_missing = presence->second;
    for (const std::string& name : mapping.from) column.from.push_back(find_column(name));
    if (column.from.size() > 1) {
      for (std::size_t at : column.from) {
        if (!info_.domains[at])
          throw FormatError("target encoder: column " + info_.columns[at] + " of " + column.name +
                            " has no levels");
        column.levels_of.push_back(static_cast<double>(info_.domains[at]->size()));
      }
      for (const std::string& value : mapping.to_domain)
        column.to_domain.push_back(parse_integer("domain of " + column.name, value));
      if (column.to_domain.empty() || !std::is_sorted(column.to_domain.begin(), column.to_domain.end()))
        throw FormatError("target encoder: the domain of " + column.name + " is empty or does not ascend");
    }
    encoder_->columns.push_back(std::move(column));
  }

  // The last of the columns with that name, as in Java's map of names.
  std::size_t find_column(const std::string& name) const {
    for (std::size_t i = info_.columns.size(); i-- > 0;) {
      if (info_.columns[i] != name) continue;
      if (i >= info_.n_features) break;
      return i;
    }
    throw FormatError("target encoder: " + name + " is none of the features");
  }

  void name_values(const std::vector<Mapping>& outputs) {
    std::size_t each = info_.n_classes > 2 ? info_.n_classes - 1 : 1;
    bool named = outputs.size() == encoder_->columns.size() &&
                 std::all_of(outputs.begin(), outputs.end(),
                             [&](const Mapping& mapping) { return mapping.to.size() == each; });
    for (std::size_t k = 0; k < encoder_->columns.size(); ++k) {
      for (std::size_t c = 0; c < each; ++c) {
        const std::string& column = encoder_->columns[k].name;
        std::string of_class = each > 1 ? "_" + std::to_string(c + 1) : "";
        encoder_->names.push_back(named ? outputs[k].to[c] : column + of_class + "_te");
      }
    }
  }

  const ModelSource& source_;
  const ModelInfo& info_;
  std::optional<Blending> blending_;
  std::map<std::string, EncodingMap> maps_;
  std::vector<std::string> put_order_;
  std::map<std::string, bool> presence_;
  std::unique_ptr<TargetEncoder> encoder_ = std::make_unique<TargetEncoder>();
};

}  // namespace

std::unique_ptr<Scorer> read_target_encoder(const ModelSource& source) {
  return EncoderReader(source).read();
}

}  // namespace mojo
