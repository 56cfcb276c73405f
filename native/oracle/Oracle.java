import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Reference answers from genmodel, many in one JVM. Each line of the standard input is a job of tab-separated fields:
 * command, model, rows, output. The commands are the cases of `answer`. Ends with status 1 at the first job that fails.
 * `Oracle bench MOJO ROWS SECONDS` measures instead, `Oracle serve MOJO PORT` answers over HTTP until it is ended.
 */
public final class Oracle {
  private Oracle() {}

  public static void main(String[] arguments) throws Exception {
    if (arguments.length == 4 && arguments[0].equals("bench")) {
      Bench.run(Path.of(arguments[1]), Path.of(arguments[2]), Double.parseDouble(arguments[3]));
    } else if (arguments.length == 3 && arguments[0].equals("serve")) {
      ModelServer.run(Path.of(arguments[1]), Integer.parseInt(arguments[2]));
    } else {
      runJobs();
    }
  }

  private static void runJobs() throws IOException {
    BufferedReader jobs = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String job = jobs.readLine(); job != null; job = jobs.readLine()) {
      String[] fields = job.split("\t");
      try {
        answer(fields[0], Path.of(fields[1]), Path.of(fields[2]), Path.of(fields[3]));
      } catch (Exception | Error failure) {
        System.err.println(job);
        failure.printStackTrace();
        System.exit(1);
      }
    }
  }

  private static void answer(String command, Path mojo, Path rows, Path output) throws Exception {
    switch (command) {
      case "predict" -> Answers.predictCsv(mojo, rows, output);
      case "raw" -> Answers.raw(mojo, rows, output, false);
      case "fresh" -> Answers.raw(mojo, rows, output, true);
      case "words" -> Answers.words(mojo, rows, output);
      case "margins" -> Margins.write(mojo, rows, output);
      case "contributions" -> Explanations.contributions(mojo, rows, output);
      case "leaves" -> Explanations.leaves(mojo, rows, output);
      case "staged" -> Explanations.staged(mojo, rows, output);
      default -> throw new IllegalArgumentException("unknown command " + command);
    }
  }
}
