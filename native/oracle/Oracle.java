import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Reference answers from genmodel, many in one JVM. Each line of the standard input is a job of tab-separated fields:
 * command, model, rows, output. The commands are the cases of `run`. Ends with status 1 at the first job that fails.
 */
public final class Oracle {
  private Oracle() {}

  public static void main(String[] none) throws Exception {
    BufferedReader jobs = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String job = jobs.readLine(); job != null; job = jobs.readLine()) {
      String[] fields = job.split("\t");
      try {
        run(fields[0], Path.of(fields[1]), Path.of(fields[2]), Path.of(fields[3]));
      } catch (Exception | Error failure) {
        System.err.println(job);
        failure.printStackTrace();
        System.exit(1);
      }
    }
  }

  private static void run(String command, Path mojo, Path rows, Path output) throws Exception {
    switch (command) {
      case "predict" -> Answers.predictCsv(mojo, rows, output);
      case "raw" -> Answers.raw(mojo, rows, output, false);
      case "fresh" -> Answers.raw(mojo, rows, output, true);
      default -> throw new IllegalArgumentException("unknown command " + command);
    }
  }
}
