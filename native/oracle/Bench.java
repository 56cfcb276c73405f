import hex.genmodel.easy.RowData;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * How long genmodel takes, in a process that has done nothing else: `Oracle bench MOJO ROWS SECONDS`. Scoring is timed
 * by the processor time of its thread, which other programs on the machine disturb least.
 */
final class Bench {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private Bench() {}

  private interface Pass {
    double run() throws Exception;
  }

  /**
   * Prints one JSON object: load_ms, first_ms (first answer after loading), rows, score0_us and easy_us (per row, the
   * best and the median pass over all rows after as long a warm-up as the measurement), passes, checksum.
   */
  static void run(Path mojo, Path rows, double seconds) throws Exception {
    long start = System.nanoTime();
    LoadedModel model = LoadedModel.load(mojo);
    double loadMs = (System.nanoTime() - start) / 1e6;
    List<RowData> records = Rows.read(rows);
    start = System.nanoTime();
    double checksum = model.score(records.get(0))[0];
    double firstMs = (System.nanoTime() - start) / 1e6;

    double[][] arrays = new double[records.size()][];
    for (int i = 0; i < arrays.length; i++) arrays[i] = model.convert(records.get(i));
    double[] row = new double[model.model.nfeatures()];
    double[] preds = new double[model.model.getPredsSize()];
    Pass score0 = () -> {
      double sum = 0;
      for (double[] array : arrays) {
        // A GLM fills gaps in place: the array must stay as it was for the next pass.
        System.arraycopy(array, 0, row, 0, row.length);
        sum += model.model.score0(row, preds)[0];
      }
      return sum;
    };
    Pass easy = () -> {
      double sum = 0;
      for (RowData record : records) sum += model.score(record)[0];
      return sum;
    };
    double[] bare = measure(score0, seconds, records.size());
    double[] wrapped = measure(easy, seconds, records.size());
    System.out.printf(
        "{\"load_ms\": %s, \"first_ms\": %s, \"rows\": %d, \"score0_us\": %s, \"score0_median_us\": %s, "
            + "\"easy_us\": %s, \"easy_median_us\": %s, \"passes\": [%d, %d], \"checksum\": \"%s\"}%n",
        loadMs, firstMs, records.size(), bare[0], bare[1], wrapped[0], wrapped[1], (int) bare[2], (int) wrapped[2],
        Double.toHexString(checksum + bare[3] + wrapped[3]));
  }

  /** Best and median microseconds per row, number of passes, and a sum that keeps the work from being left out. */
  private static double[] measure(Pass pass, double seconds, int rows) throws Exception {
    double sum = 0;
    long warm = THREADS.getCurrentThreadCpuTime() + (long) (seconds * 1e9);
    while (THREADS.getCurrentThreadCpuTime() < warm) sum += pass.run();
    double[] times = new double[1 << 20];
    int count = 0;
    long end = THREADS.getCurrentThreadCpuTime() + (long) (seconds * 1e9);
    long start = THREADS.getCurrentThreadCpuTime();
    do {
      sum += pass.run();
      long now = THREADS.getCurrentThreadCpuTime();
      times[count++] = (now - start) / 1e3 / rows;
      start = now;
    } while (start < end && count < times.length);
    Arrays.sort(times, 0, count);
    return new double[] {times[0], times[count / 2], count, sum};
  }
}
