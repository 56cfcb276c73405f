import biz.k11i.xgboost.Predictor;
import biz.k11i.xgboost.util.FVec;
import hex.genmodel.MojoModel;
import hex.genmodel.algos.gbm.GbmMojoModel;
import hex.genmodel.algos.glm.GlmMojoModelBase;
import hex.genmodel.algos.glm.GlmMultinomialMojoModel;
import hex.genmodel.algos.tree.SharedTreeMojoModel;
import hex.genmodel.algos.xgboost.XGBoostMojoModel;
import hex.genmodel.easy.RowData;
import hex.genmodel.utils.DistributionFamily;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.Arrays;

/** What a model computes before the link function. */
final class Margins {
  private Margins() {}

  static void write(Path mojo, Path rows, Path output) throws Exception {
    LoadedModel model = LoadedModel.load(mojo);
    if (model.model instanceof GlmMultinomialMojoModel) {
      field(MojoModel.class, "_nclasses").setInt(model.model, model.model.nclasses() + 1);
    } else if (model.model instanceof GlmMojoModelBase) {
      removeLink(model.model);
    }
    boolean first = true;
    try (Table table = new Table(output)) {
      for (RowData record : Rows.read(rows)) {
        double[] margins = compute(model.model, model.convert(record), model.offset(record));
        if (first) {
          String[] header = new String[margins.length];
          for (int i = 0; i < header.length; i++) header[i] = "margin" + i;
          table.line(header);
          first = false;
        }
        table.line(margins);
      }
    }
  }

  /**
   * GBM: (sum of leaves + initial value) + offset, or the sum per class where there are more than two. Other trees: the
   * sum of leaves per class. XGBoost: the float32 margin of each group. GLM: eta, of each class where it is multinomial.
   */
  private static double[] compute(MojoModel model, double[] row, double offset) throws Exception {
    if (model instanceof SharedTreeMojoModel trees) return sumLeaves(trees, row, offset);
    if (model instanceof XGBoostMojoModel) return boosterMargin(model, row, offset);
    if (model instanceof GlmMultinomialMojoModel) return sumClasses(model, row);
    if (model instanceof GlmMojoModelBase) {
      return new double[] {model.score0(row, offset, new double[model.getPredsSize()])[0]};
    }
    throw new IllegalArgumentException("no margin is known for " + model.getClass().getSimpleName());
  }

  private static double[] sumLeaves(SharedTreeMojoModel trees, double[] row, double offset) {
    double[] preds = new double[Math.max(trees.getPredsSize(), 3)];
    trees.scoreTreeRange(row, 0, trees.getNTreeGroups(), preds);
    int first = trees.nclasses() == 1 ? 0 : 1;
    double[] sums = new double[trees.getNTreesPerGroup()];
    System.arraycopy(preds, first, sums, 0, sums.length);
    if (trees instanceof GbmMojoModel gbm && gbm._family != DistributionFamily.multinomial) {
      sums[0] = (sums[0] + gbm._init_f) + offset;
    }
    return sums;
  }

  /** The model was told of one class too many: it fails there, when the etas of all others are in the array. */
  private static double[] sumClasses(MojoModel model, double[] row) {
    double[] preds = new double[model.nclasses()];
    try {
      model.score0(row, preds);
    } catch (ArrayIndexOutOfBoundsException end) {
      return Arrays.copyOfRange(preds, 1, preds.length);
    }
    throw new IllegalStateException("the etas became probabilities");
  }

  private static double[] boosterMargin(MojoModel model, double[] row, double offset) throws Exception {
    Object encoder = field(model.getClass(), "_1hotFactory").get(model);
    Method encode = encoder.getClass().getDeclaredMethod("fromArray", double[].class);
    encode.setAccessible(true);
    FVec vector = (FVec) encode.invoke(encoder, (Object) row);
    Predictor predictor = (Predictor) field(model.getClass(), "_predictor").get(model);
    float[] margins;
    if (model.requiresOffset()) {
      Method raw = Predictor.class.getDeclaredMethod("predictRaw", FVec.class, int.class, float.class);
      raw.setAccessible(true);
      margins = (float[]) raw.invoke(predictor, vector, 0, (float) offset);
    } else {
      margins = predictor.predict(vector, true);
    }
    double[] wide = new double[margins.length];
    for (int i = 0; i < wide.length; i++) wide[i] = margins[i];
    return wide;
  }

  /** Make a GLM answer eta in preds[0], whatever its family. */
  private static void removeLink(MojoModel model) throws Exception {
    Class<?> type = model.getClass();
    field(type, "_link").set(model, "identity");
    field(type, "_binomial").setBoolean(model, false);
    Method make = type.getDeclaredMethod("createLinkFunction");
    make.setAccessible(true);
    field(type, "_linkFn").set(model, make.invoke(model));
  }

  private static Field field(Class<?> type, String name) throws NoSuchFieldException {
    Field found = type.getDeclaredField(name);
    found.setAccessible(true);
    return found;
  }
}
