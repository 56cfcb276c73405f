import hex.genmodel.PredictContributions;
import hex.genmodel.PredictContributionsFactory;
import hex.genmodel.algos.tree.SharedTreeMojoModel;
import hex.genmodel.algos.tree.TreeBackedMojoModel;
import hex.genmodel.easy.RowData;
import java.nio.file.Path;
import java.util.List;

/** What a tree model says about a row besides its score. */
final class Explanations {
  private Explanations() {}

  /** TreeSHAP values, float32: one per feature, then the bias. */
  static void contributions(Path mojo, Path rows, Path output) throws Exception {
    LoadedModel model = LoadedModel.loadWithDetails(mojo);
    PredictContributions predictor = ((PredictContributionsFactory) model.model).makeContributionsPredictor();
    try (Table table = new Table(output)) {
      table.line(predictor.getContributionNames());
      for (RowData record : Rows.read(rows)) {
        table.line(predictor.calculateContributions(model.convert(record)));
      }
    }
  }

  /** The path of L and R to each tree's leaf, then the leaf's node id; for shared trees class by class. */
  static void leaves(Path mojo, Path rows, Path output) throws Exception {
    LoadedModel model = LoadedModel.load(mojo);
    TreeBackedMojoModel trees = (TreeBackedMojoModel) model.model;
    List<RowData> records = Rows.read(rows);
    try (Table table = new Table(output)) {
      int count = trees.getLeafNodeAssignments(model.convert(records.get(0)))._paths.length;
      String[] header = new String[2 * count];
      for (int i = 0; i < count; i++) {
        header[i] = "path" + i;
        header[count + i] = "id" + i;
      }
      table.line(header);
      for (RowData record : records) {
        SharedTreeMojoModel.LeafNodeAssignments found = trees.getLeafNodeAssignments(model.convert(record));
        String[] cells = new String[2 * count];
        for (int i = 0; i < count; i++) {
          cells[i] = found._paths[i];
          cells[count + i] = Integer.toString(found._nodeIds[i]);
        }
        table.line(cells);
      }
    }
  }

  /** The predictions after each group of trees. */
  static void staged(Path mojo, Path rows, Path output) throws Exception {
    LoadedModel model = LoadedModel.load(mojo);
    SharedTreeMojoModel trees = (SharedTreeMojoModel) model.model;
    boolean first = true;
    try (Table table = new Table(output)) {
      for (RowData record : Rows.read(rows)) {
        double[] stages = trees.scoreStagedPredictions(model.convert(record), trees.getPredsSize());
        if (first) {
          String[] header = new String[stages.length];
          for (int i = 0; i < header.length; i++) header[i] = "stage" + i;
          table.line(header);
          first = false;
        }
        table.line(stages);
      }
    }
  }
}
