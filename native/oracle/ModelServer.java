import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import hex.genmodel.easy.RowData;
import hex.genmodel.easy.exception.PredictException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.Executors;

/** A plain HTTP server around genmodel, to compare serving with: {"rows": [{column: value}]} to POST /predict. */
final class ModelServer {
  private static final ObjectMapper JSON = new ObjectMapper();
  private final LoadedModel loaded;
  private final String[] labels;

  private ModelServer(LoadedModel loaded) {
    this.loaded = loaded;
    this.labels = loaded.model.getDomainValues(loaded.model.getResponseIdx());
  }

  static void run(Path mojo, int port) throws IOException {
    ModelServer serving = new ModelServer(LoadedModel.load(mojo));
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 1024);
    server.setExecutor(Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors() + 1));
    server.createContext("/predict", serving::handle);
    server.start();
  }

  private void handle(HttpExchange exchange) throws IOException {
    byte[] body;
    int status = 200;
    try {
      body = JSON.writeValueAsBytes(answer(JSON.readTree(exchange.getRequestBody().readAllBytes())));
    } catch (PredictException | RuntimeException | IOException failure) {
      status = 400;
      body = JSON.writeValueAsBytes(JSON.createObjectNode().put("error", String.valueOf(failure.getMessage())));
    }
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }

  private ObjectNode answer(JsonNode request) throws PredictException {
    ObjectNode content = JSON.createObjectNode();
    ArrayNode predictions = content.putArray("predictions");
    for (JsonNode record : request.get("rows")) {
      RowData row = new RowData();
      for (var field : record.properties()) {
        JsonNode value = field.getValue();
        if (!value.isNull()) row.put(field.getKey(), value.isNumber() ? value.doubleValue() : value.asText());
      }
      double[] scores = loaded.score(row);
      ObjectNode prediction = predictions.addObject();
      if (labels == null) {
        prediction.put("value", scores[0]);
        continue;
      }
      prediction.put("label", labels[(int) scores[0]]);
      ObjectNode probabilities = prediction.putObject("probabilities");
      for (int i = 0; i < labels.length; i++) probabilities.put(labels[i], scores[i + 1]);
    }
    return content;
  }
}
