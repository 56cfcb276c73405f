import au.com.bytecode.opencsv.CSVReader;
import hex.genmodel.easy.RowData;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** The rows of a CSV file as genmodel's CSV tool reads them, except that a backslash is a character like any other. */
final class Rows {
  private static final Set<String> MISSING = Set.of("", "NA", "N/A", "-");
  private static final char NO_ESCAPE = '\0';

  private Rows() {}

  static List<RowData> read(Path path) throws IOException {
    List<RowData> rows = new ArrayList<>();
    try (CSVReader csv = new CSVReader(Files.newBufferedReader(path, StandardCharsets.UTF_8), ',', '"', NO_ESCAPE)) {
      String[] names = csv.readNext();
      for (String[] cells = csv.readNext(); cells != null; cells = csv.readNext()) {
        RowData row = new RowData();
        for (int i = 0; i < names.length; i++) {
          if (!MISSING.contains(cells[i])) row.put(names[i], cells[i]);
        }
        rows.add(row);
      }
    }
    return rows;
  }
}
