#include "model_info.hpp"

#include <algorithm>
#include <set>

#include "text_values.hpp"

namespace mojo {
namespace {

struct DomainLine {
  std::int64_t column;
  std::int64_t levels;
  std::string file;
};

struct Sections {
  InfoValues info;
  std::vector<std::string> columns;
  std::vector<DomainLine> domains;
};

DomainLine parse_domain_line(std::string_view line) {
  std::size_t colon = line.find(':');
  if (colon == line.npos) throw FormatError("model.ini: domain line without a colon: " + std::string(line));
  std::string_view rest = trim(line.substr(colon + 1));
  std::size_t blank = rest.find(' ');
  if (blank == rest.npos)
    throw FormatError("model.ini: domain line without a file name: " + std::string(line));
  return {parse_integer("domain column", trim(line.substr(0, colon))),
          parse_integer("domain levels", rest.substr(0, blank)), std::string(trim(rest.substr(blank)))};
}

Sections parse_sections(std::string_view text) {
  enum class Part { none, info, columns, domains } part = Part::none;
  Sections sections;
  for (std::string_view raw : split_lines(text)) {
    std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#') continue;
    if (line == "[info]")
      part = Part::info;
    else if (line == "[columns]")
      part = Part::columns;
    else if (line == "[domains]")
      part = Part::domains;
    else if (part == Part::columns)
      sections.columns.emplace_back(line);
    else if (part == Part::domains)
      sections.domains.push_back(parse_domain_line(line));
    else if (part == Part::none)
      throw FormatError("model.ini does not start with a section: " + std::string(line.substr(0, 60)));
    else {
      std::size_t equals = line.find('=');
      if (equals == line.npos)
        throw FormatError("model.ini: line without '=': " + std::string(line.substr(0, 60)));
      sections.info.set(std::string(trim(line.substr(0, equals))),
                        std::string(trim(line.substr(equals + 1))));
    }
  }
  return sections;
}

constexpr std::int64_t kFewLevels = 1 << 16;
constexpr std::int64_t kLeastBytes = 3;  // of a line, on average, where there are more levels

Domain read_domain(ZipArchive& archive, const std::string& name, std::int64_t levels, std::int64_t most,
                   bool escaped) {
  if (levels > most)
    throw FormatError("model.ini: " + name + " has " + std::to_string(levels) + " levels, the limit is " +
                      std::to_string(most));
  std::string text = archive.read_text(name);
  std::int64_t lines = 0;
  for_each_line(text, [&](std::string_view) { ++lines; });
  // There are not so many short texts. Without this, the place of a level would be most of what it takes.
  if (lines > kFewLevels && static_cast<std::int64_t>(text.size()) < kLeastBytes * lines) {
    throw FormatError(name + " has " + std::to_string(lines) + " levels in " + std::to_string(text.size()) +
                      " bytes: they cannot all differ");
  }
  if (lines != levels) {
    throw FormatError(name + " has " + std::to_string(lines) + " levels, model.ini says " +
                      std::to_string(levels));
  }
  Domain domain;
  domain.reserve(static_cast<std::size_t>(lines), text.size());
  for_each_line(text, [&](std::string_view line) {
    domain.push_back(escaped ? std::string_view(unescape(line)) : line);
  });
  return domain;
}

void read_domains(ModelInfo& info, const std::vector<DomainLine>& lines, ZipArchive& archive,
                  const std::string& prefix, const Limits& limits) {
  std::int64_t stated = info.values.count("n_domains", 0, static_cast<std::int64_t>(info.columns.size()));
  if (static_cast<std::int64_t>(lines.size()) != stated) {
    throw FormatError("model.ini: n_domains = " + std::to_string(stated) + ", but " +
                      std::to_string(lines.size()) + " are listed");
  }
  info.domains.resize(info.columns.size());
  bool escaped = info.values.flag("escape_domain_values", false);
  std::set<std::string_view> files;
  std::int64_t levels = 0;
  for (const DomainLine& line : lines) {
    if (line.column < 0 || line.column >= static_cast<std::int64_t>(info.columns.size())) {
      throw FormatError("model.ini: domain of column " + std::to_string(line.column) +
                        ", which does not exist");
    }
    std::optional<Domain>& domain = info.domains[line.column];
    if (domain) throw FormatError("model.ini: column " + std::to_string(line.column) + " has two domains");
    if (!files.insert(line.file).second)
      throw FormatError("model.ini: two columns name the domain file " + line.file);
    // Each line states at most limits.levels, or is refused below.
    levels += std::clamp<std::int64_t>(line.levels, 0, limits.levels);
    if (levels > limits.total_levels) {
      throw FormatError("model.ini: the columns have more than " + std::to_string(limits.total_levels) +
                        " levels together");
    }
    domain = read_domain(archive, prefix + "domains/" + line.file, line.levels, limits.levels, escaped);
  }
}

std::vector<double> read_distribution(const ModelInfo& info, const char* key) {
  std::vector<double> shares = info.values.numbers(key);
  if (!shares.empty() && shares.size() != info.n_classes) {
    throw FormatError("model.ini: " + std::string(key) + " has " + std::to_string(shares.size()) +
                      " entries for " + std::to_string(info.n_classes) + " classes");
  }
  return shares;
}

void check_classes(const ModelInfo& info) {
  std::string shown =
      "model.ini: category " + info.category + " with n_classes = " + std::to_string(info.n_classes);
  if (info.is_classifier()) {
    if (info.n_classes < 2 || (info.category == "Binomial") != (info.n_classes == 2))
      throw FormatError(shown);
    if (info.response_domain() && info.response_domain()->size() != info.n_classes) {
      throw FormatError(shown + " and " + std::to_string(info.response_domain()->size()) +
                        " response levels");
    }
  } else if (info.category == "Regression" && info.n_classes != 1) {
    throw FormatError(shown);
  }
}

}  // namespace

const std::string* InfoValues::find(const std::string& key) const {
  auto found = values_.find(key);
  return found == values_.end() || found->second == "null" ? nullptr : &found->second;
}

const std::string& InfoValues::text(const std::string& key) const {
  const std::string* value = find(key);
  if (!value) throw FormatError("model.ini: " + key + " is missing");
  return *value;
}

std::string InfoValues::text(const std::string& key, const std::string& otherwise) const {
  const std::string* value = find(key);
  return value ? *value : otherwise;
}

bool InfoValues::flag(const std::string& key) const { return parse_bool(key, text(key)); }

bool InfoValues::flag(const std::string& key, bool otherwise) const {
  const std::string* value = find(key);
  return value ? parse_bool(key, *value) : otherwise;
}

double InfoValues::number(const std::string& key) const { return parse_number(key, text(key)); }

double InfoValues::number(const std::string& key, double otherwise) const {
  const std::string* value = find(key);
  return value ? parse_number(key, *value) : otherwise;
}

std::int64_t InfoValues::count(const std::string& key, std::int64_t low, std::int64_t high) const {
  std::int64_t value = parse_integer(key, text(key));
  if (value < low || value > high) {
    throw FormatError("model.ini: " + key + " = " + std::to_string(value) + " is outside of " +
                      std::to_string(low) + " to " + std::to_string(high));
  }
  return value;
}

std::vector<double> InfoValues::numbers(const std::string& key) const {
  const std::string* value = find(key);
  return value ? parse_numbers(key, *value) : std::vector<double>();
}

std::vector<double> InfoValues::numbers(const std::string& key, std::size_t wanted) const {
  std::vector<double> values = numbers(key);
  if (values.size() != wanted) {
    throw FormatError("model.ini: " + key + " has " + std::to_string(values.size()) + " entries, " +
                      std::to_string(wanted) + " are needed");
  }
  return values;
}

std::vector<std::int64_t> InfoValues::integers(const std::string& key) const {
  const std::string* value = find(key);
  return value ? parse_integers(key, *value) : std::vector<std::int64_t>();
}

std::vector<std::int64_t> InfoValues::integers(const std::string& key, std::size_t wanted) const {
  std::vector<std::int64_t> values = integers(key);
  if (values.size() != wanted) {
    throw FormatError("model.ini: " + key + " has " + std::to_string(values.size()) + " entries, " +
                      std::to_string(wanted) + " are needed");
  }
  return values;
}

void ModelInfo::require_version(double low, double high) const {
  double version = parse_number("mojo_version", mojo_version);
  if (!(version >= low && version <= high)) {
    throw UnsupportedError(algorithm + " with mojo_version " + mojo_version + " is not supported");
  }
}

ModelInfo read_model_info(ZipArchive& archive, const std::string& prefix, const Limits& limits) {
  std::string name = prefix + "model.ini";
  if (!archive.contains(name)) throw FormatError("not a MOJO: " + name + " is missing");
  std::string text = archive.read_text(name);
  Sections sections = parse_sections(text);

  ModelInfo info;
  info.values = std::move(sections.info);
  info.columns = std::move(sections.columns);
  const InfoValues& values = info.values;
  info.algorithm = values.text("algorithm");
  info.category = values.text("category");
  info.h2o_version = values.text("h2o_version", "unknown");
  info.mojo_version = values.text("mojo_version");
  info.uuid = values.text("uuid", "");
  info.default_threshold = values.number("default_threshold");
  info.supervised = values.flag("supervised");
  info.balance_classes = values.flag("balance_classes");
  if (values.text("endianness", "LITTLE_ENDIAN") != "LITTLE_ENDIAN")
    throw UnsupportedError("MOJO written on a big endian machine");

  std::int64_t columns = values.count("n_columns", 1, limits.columns);
  if (static_cast<std::int64_t>(info.columns.size()) != columns) {
    throw FormatError("model.ini: n_columns = " + std::to_string(columns) + ", but " +
                      std::to_string(info.columns.size()) +
                      " are listed (a column whose name is empty or starts with # is lost)");
  }
  info.n_features = values.count("n_features", 1, columns - (info.supervised ? 1 : 0));
  info.n_classes = values.count("n_classes", 1, limits.classes);
  read_domains(info, sections.domains, archive, prefix, limits);
  info.prior_distribution = read_distribution(info, "prior_class_distrib");
  info.model_distribution = read_distribution(info, "model_class_distrib");
  check_classes(info);
  return info;
}

}  // namespace mojo
