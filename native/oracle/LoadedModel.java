import hex.genmodel.MojoModel;
import hex.genmodel.easy.EasyPredictModelWrapper;
import hex.genmodel.easy.RowData;
import hex.genmodel.easy.exception.PredictException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;

/** A model with genmodel's own conversion of a record into the array that score0 takes. */
final class LoadedModel extends EasyPredictModelWrapper {
  final MojoModel model;

  private LoadedModel(MojoModel model) {
    super(new Config().setModel(model).setConvertUnknownCategoricalLevelsToNa(true));
    this.model = model;
  }

  static LoadedModel load(Path mojo) throws IOException {
    return new LoadedModel(MojoModel.load(mojo.toString()));
  }

  /** With what only modelDetails.json says; contributions of a random forest need it. */
  static LoadedModel loadWithDetails(Path mojo) throws IOException {
    return new LoadedModel(MojoModel.load(mojo.toString(), true));
  }

  double[] convert(RowData record) throws PredictException {
    double[] row = new double[model.nfeatures()];
    Arrays.fill(row, Double.NaN);
    return fillRawData(record, row);
  }

  /** The record's offset; 0 for a model without offset column. */
  double offset(RowData record) {
    String name = model.getOffsetName();
    return name == null ? 0 : Double.parseDouble((String) record.get(name));
  }

  /** Java's preds array. */
  double[] score(RowData record) throws PredictException {
    return predictRaw(record, offset(record));
  }
}
