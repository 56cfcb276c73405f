#include "extended_isolation_forest.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <unordered_map>

#include "byte_reader.hpp"
#include "java_math.hpp"
#include "keyed_hash.hpp"

namespace mojo {
namespace {

// Mean length of a search for one of `count` that is not there.
double mean_search_length(double count) {
  if (count < 2) return 0;
  if (count == 2) return 1;
  return 2 * (java_log(count - 1) + 0.5772156649) - 2.0 * (count - 1.0) / count;
}

struct SlopedNode {
  std::size_t slope = 0;    // of an inner node: where its normal and its point start
  std::uint32_t right = 0;  // 0: a leaf; the left child is the next node
  double length = 0;        // of a leaf: the path to it and what would follow
};

class ExtendedIsolationForest final : public Scorer {
 public:
  std::size_t width() const override { return 2; }
  OffsetUse offset_use() const override { return OffsetUse::none; }
  std::vector<std::string> value_names() const override { return {"anomaly_score", "mean_length"}; }
  void prepare(Scratch&) const override {}
  std::size_t nbytes() const override {
    return nodes.capacity() * sizeof(SlopedNode) + slopes.capacity() * sizeof(double) +
           roots.capacity() * sizeof(std::uint32_t);
  }

  void score(const double* row, double, double* preds, Scratch&) const override {
    double sum = 0;
    for (std::uint32_t root : roots) sum += length_of(root, row);
    double mean = sum / static_cast<double>(roots.size());
    preds[0] = java_pow(2.0, -1 * (mean / expected));
    preds[1] = mean;
  }

  std::size_t features = 0;
  double expected = 0;  // mean length in a tree of the training sample's size
  std::vector<SlopedNode> nodes;
  std::vector<double> slopes;  // per inner node its normal, then its point
  std::vector<std::uint32_t> roots;

 private:
  double length_of(std::uint32_t at, const double* row) const {
    while (nodes[at].right != 0) {
      const double* normal = &slopes[nodes[at].slope];
      const double* point = normal + features;
      double side = 0;
      for (std::size_t i = 0; i < features; ++i) side += (row[i] - point[i]) * normal[i];
      at = side <= 0 ? at + 1 : nodes[at].right;  // a missing value goes right
    }
    return nodes[at].length;
  }
};

// One tree: records in any order, numbered as in a heap. Java looks for a child only behind its parent.
class SlopedTreeReader {
 public:
  SlopedTreeReader(Bytes bytes, const std::string& name, ExtendedIsolationForest& forest)
      : reader_(bytes, name), name_(name), forest_(forest) {}

  void read() {
    auto width = reader_.little<std::int32_t>();
    if (width != static_cast<std::int64_t>(forest_.features))
      fail(std::to_string(width) + " columns, the model has " + std::to_string(forest_.features));
    while (!at_padding()) read_record();
    forest_.roots.push_back(static_cast<std::uint32_t>(forest_.nodes.size()));
    append();
  }

 private:
  struct Record {
    std::size_t position = 0;
    std::size_t slope = 0;
    std::int32_t rows = -1;  // of a leaf
  };
  struct Pending {
    std::int64_t number;
    int height;
    std::size_t behind;  // position of the parent
    std::uint32_t right_of;
  };
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  [[noreturn]] void fail(const std::string& why) const { throw FormatError(name_ + ": " + why); }

  // Java writes its whole buffer: zeros follow the last record.
  bool at_padding() const {
    ByteReader ahead = reader_;
    Bytes rest = ahead.take(ahead.left());
    return std::ranges::all_of(rest.first(std::min<std::size_t>(rest.size(), 5)), is_zero) &&
           std::ranges::all_of(rest, is_zero);
  }
  static bool is_zero(std::uint8_t byte) { return byte == 0; }

  void read_record() {
    Record record{reader_.position()};
    auto number = reader_.little<std::int32_t>();
    auto kind = reader_.little<std::uint8_t>();
    if (kind == 'N') {
      Bytes bytes = reader_.take(std::uint64_t{16} * forest_.features);
      record.slope = forest_.slopes.size();
      ByteReader numbers(bytes, name_);
      for (std::size_t i = 0; i < 2 * forest_.features; ++i)
        forest_.slopes.push_back(numbers.little<double>());
    } else if (kind == 'L') {
      record.rows = reader_.little<std::int32_t>();
      if (record.rows < 0) fail("a leaf of " + std::to_string(record.rows) + " rows");
    } else {
      fail("unknown kind of node " + std::to_string(kind));
    }
    if (!records_.emplace(number, record).second) fail("node " + std::to_string(number) + " appears twice");
  }

  // Numbers grow from parent to child, so this ends.
  void append() {
    std::vector<Pending> pending{{0, 0, 0, kNone}};
    while (!pending.empty()) {
      Pending next = pending.back();
      pending.pop_back();
      auto found = records_.find(next.number);
      if (found == records_.end() || (next.number != 0 && found->second.position < next.behind))
        fail("node " + std::to_string(next.number) + " is missing behind its parent");
      const Record& record = found->second;
      auto at = static_cast<std::uint32_t>(forest_.nodes.size());
      if (next.right_of != kNone) forest_.nodes[next.right_of].right = at;
      SlopedNode node;
      if (record.rows >= 0) {
        node.length = next.height + mean_search_length(record.rows);
      } else {
        node.slope = record.slope;
        pending.push_back({2 * next.number + 2, next.height + 1, record.position, at});
        pending.push_back({2 * next.number + 1, next.height + 1, record.position, kNone});
      }
      forest_.nodes.push_back(node);
    }
  }

  ByteReader reader_;
  const std::string& name_;
  ExtendedIsolationForest& forest_;
  std::unordered_map<std::int64_t, Record, KeyedHash> records_;
};

}  // namespace

std::unique_ptr<Scorer> read_extended_isolation_forest(const ModelSource& source) {
  const ModelInfo& info = source.info;
  info.require_version(1.00, 1.00);
  auto model = std::make_unique<ExtendedIsolationForest>();
  model->features = info.n_features;
  std::int64_t trees = info.values.count("ntrees", 1, source.limits.trees);
  model->expected = mean_search_length(
      static_cast<double>(info.values.count("sample_size", 0, std::numeric_limits<std::int32_t>::max())));
  std::vector<std::uint8_t> bytes;
  for (std::int64_t i = 0; i < trees; ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "trees/t%02d.bin", static_cast<int>(i));
    source.read(name, bytes);
    SlopedTreeReader(bytes, source.prefix + name, *model).read();
  }
  return model;
}

}  // namespace mojo
