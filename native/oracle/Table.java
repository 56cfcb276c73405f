import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A CSV file of answers: numbers in hexadecimal, so that no bit is lost. */
final class Table implements AutoCloseable {
  private final BufferedWriter out;

  Table(Path path) throws IOException {
    out = Files.newBufferedWriter(path, StandardCharsets.UTF_8);
  }

  void line(String[] cells) throws IOException {
    for (int i = 0; i < cells.length; i++) {
      if (i > 0) out.write(',');
      out.write(quote(cells[i]));
    }
    out.write('\n');
  }

  void line(double[] values) throws IOException {
    String[] cells = new String[values.length];
    for (int i = 0; i < cells.length; i++) cells[i] = Double.toHexString(values[i]);
    line(cells);
  }

  void line(float[] values) throws IOException {
    String[] cells = new String[values.length];
    for (int i = 0; i < cells.length; i++) cells[i] = Float.toHexString(values[i]);
    line(cells);
  }

  private static String quote(String text) {
    if (text == null) return "";
    boolean plain = text.indexOf(',') < 0 && text.indexOf('"') < 0 && text.indexOf('\n') < 0 && text.indexOf('\r') < 0;
    return plain ? text : '"' + text.replace("\"", "\"\"") + '"';
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
