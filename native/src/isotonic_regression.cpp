#include "isotonic_regression.hpp"

#include "isotonic_curve.hpp"

namespace mojo {
namespace {

class IsotonicRegression final : public Scorer {
 public:
  explicit IsotonicRegression(IsotonicCurve read) : curve(std::move(read)) {}

  std::size_t width() const override { return 1; }
  std::size_t nbytes() const override { return curve.nbytes(); }
  void prepare(Scratch&) const override {}
  void score(const double* row, double, double* preds, Scratch&) const override {
    preds[0] = curve.at(row[0]);
  }
  std::vector<std::string> deviations() const override {
    return {"outside of the range of training it answers as at the range's end, whatever out_of_bounds was"};
  }

  IsotonicCurve curve;
};

}  // namespace

std::unique_ptr<Scorer> read_isotonic_regression(const ModelSource& source) {
  source.info.require_version(1.00, 1.00);
  return std::make_unique<IsotonicRegression>(IsotonicCurve::read(source));
}

}  // namespace mojo
