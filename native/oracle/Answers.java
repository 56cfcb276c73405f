import hex.genmodel.MojoModel;
import hex.genmodel.algos.tree.CalibrationMojoHelper;
import hex.genmodel.algos.word2vec.WordEmbeddingModel;
import hex.genmodel.easy.RowData;
import hex.genmodel.tools.PredictCsv;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/** Scores as genmodel gives them. */
final class Answers {
  private Answers() {}

  /** What the program `PredictCsv` writes; it stops at the first row that the model refuses. */
  static void predictCsv(Path mojo, Path rows, Path output) throws Exception {
    List<String> arguments = new ArrayList<>(List.of("--mojo", mojo.toString()));
    arguments.addAll(List.of("--input", rows.toString(), "--output", output.toString()));
    if (isCalibrated(LoadedModel.load(mojo).model)) arguments.add("--predictCalibrated");
    PredictCsv.make(arguments.toArray(new String[0]), null).run();
  }

  private static boolean isCalibrated(MojoModel model) {
    return model instanceof CalibrationMojoHelper.MojoModelWithCalibration with
        && (with.getCalibGlmBeta() != null || with.getIsotonicCalibrator() != null);
  }

  /**
   * The array `preds` of every row, or the exception that refused it. `fresh` loads the model anew for each row: a
   * GLRM counts its rows, alone and inside a pipeline, and only the first one starts from the seed itself.
   */
  static void raw(Path mojo, Path rows, Path output, boolean fresh) throws Exception {
    LoadedModel model = LoadedModel.load(mojo);
    int width = model.model.getPredsSize(model.model.getModelCategory());
    try (Table table = new Table(output)) {
      String[] header = new String[width + 1];
      for (int i = 0; i < width; i++) header[i] = "preds" + i;
      header[width] = "refused";
      table.line(header);
      for (RowData record : Rows.read(rows)) {
        if (fresh) model = LoadedModel.load(mojo);
        String[] cells = new String[width + 1];
        try {
          double[] preds = model.score(record);
          for (int i = 0; i < width; i++) cells[i] = Double.toHexString(preds[i]);
        } catch (Exception refusal) {
          cells[width] = refusal.toString();
        }
        table.line(cells);
      }
    }
  }

  /** The average of the vectors of each row's words: NaN where none is known. */
  static void words(Path mojo, Path rows, Path output) throws Exception {
    LoadedModel model = LoadedModel.load(mojo);
    int width = ((WordEmbeddingModel) model.model).getVecSize();
    try (Table table = new Table(output)) {
      String[] header = new String[width];
      for (int i = 0; i < width; i++) header[i] = "C" + (i + 1);
      table.line(header);
      for (RowData record : Rows.read(rows)) {
        // In the order of the columns' names.
        String[] sentence = new TreeMap<String, Object>(record).values().toArray(new String[0]);
        table.line(model.predictWord2Vec(sentence));
      }
    }
  }
}
