"""Every measure the server exports, in one place: names of the kind `mojoline_<what>_<unit>`.

Base units are seconds and bytes. Labels take few values: no entity, no text of a caller.
"""

from prometheus_client import Counter, Gauge, Histogram

LATENCY_BUCKETS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05),
    *(0.075, 0.1, 0.25, 0.5, 1.0),
)
_SHORT_BUCKETS = (0.00005, 0.0001, 0.00025, *LATENCY_BUCKETS)

# the event loop and its threads
LOOP_LAG = Histogram(
    "mojoline_loop_lag_seconds", "How late the event loop runs what is due", buckets=_SHORT_BUCKETS
)
LOOP_BLOCKED = Counter(
    "mojoline_loop_blocked_total", "Times the loop stood still longer than allowed", ["cause"]
)
OFFLOADED = Counter("mojoline_offload_total", "Pieces of work by where they ran", ["stage", "place"])
OFFLOAD_P99 = Gauge(
    "mojoline_offload_p99_seconds",
    "Measured p99 of a stage's last decision: below 100 us it runs on the loop",
    ["stage"],
    multiprocess_mode="max",
)
POOL_THREADS = Gauge("mojoline_inference_threads", "Threads for inference", multiprocess_mode="livesum")
POOL_WAITING = Gauge(
    "mojoline_inference_waiting", "Pieces of work that wait for a thread", multiprocess_mode="livesum"
)

# the prediction cache
CACHE_REQUESTS = Counter("mojoline_cache_requests_total", "Rows looked up", ["model_name", "result"])
CACHE_LATENCY = Histogram("mojoline_cache_latency_seconds", "Time of a lookup", buckets=_SHORT_BUCKETS)
CACHE_JOINED = Counter(
    "mojoline_cache_single_flight_joined_total", "Rows that waited for the same row of another request"
)
CACHE_WRITES = Counter("mojoline_cache_writes_total", "Answers written back", ["result"])
INFERENCES = Counter("mojoline_inferences_total", "Rows scored by the model", ["model_name"])
BREAKER_STATE = Gauge(
    "mojoline_breaker_state",
    "0 closed, 1 open: what is behind it is left alone",
    ["dependency"],
    multiprocess_mode="max",
)

# pools
POOL_CONNECTIONS = Gauge(
    "mojoline_pool_connections",
    "Connections of a pool: open and in use, and the most it may open",
    ["pool", "state"],
    multiprocess_mode="livesum",
)
POOL_TIMED_OUT = Counter(
    "mojoline_pool_waits_timed_out_total", "Requests that got no connection in time", ["pool"]
)
FEATURE_SECONDS = Histogram(
    "mojoline_feature_fetch_seconds", "Time to fetch entities", buckets=LATENCY_BUCKETS
)
FEATURE_REQUESTS = Counter("mojoline_feature_requests_total", "Fetches of entities", ["result"])

# requests, under the names of MLServer
REST_REQUESTS = Counter(
    "rest_server_requests", "Requests answered over REST", ["method", "path", "status_code"]
)
REST_SECONDS = Histogram(
    "rest_server_requests_duration_seconds",
    "From the head of a request to the end of its answer",
    ["method", "path"],
    buckets=LATENCY_BUCKETS,
)
REST_IN_PROGRESS = Gauge(
    "rest_server_requests_in_progress", "REST requests in progress", multiprocess_mode="livesum"
)
GRPC_HANDLED = Counter("grpc_server_handled", "Calls answered over gRPC", ["grpc_method", "grpc_code"])
GRPC_SECONDS = Histogram(
    "grpc_server_handling_seconds",
    "From the head of a call to its whole answer",
    ["grpc_method"],
    buckets=LATENCY_BUCKETS,
)
INFER_SUCCESS = Counter(
    "model_infer_request_success", "Inference requests answered", ["model_name", "model_version"]
)
INFER_FAILURE = Counter(
    "model_infer_request_failure", "Inference requests refused or failed", ["model_name", "model_version"]
)

# inference
ROWS = Counter("mojoline_rows_total", "Rows predicted", ["model_name", "model_version"])
EXECUTIONS = Counter(
    "mojoline_executions_total",
    "Requests that were scored, not answered from the cache",
    ["model_name", "model_version"],
)
INFERRED_ROWS = Counter(
    "mojoline_inferred_rows_total", "Rows of requests that were scored", ["model_name", "model_version"]
)
LAST_INFERENCE = Gauge(
    "mojoline_last_inference_timestamp_seconds",
    "When a version was last asked",
    ["model_name", "model_version"],
    multiprocess_mode="max",
)
STAGE_SECONDS = Histogram(
    "mojoline_stage_seconds",
    "Time of a request's stages: parse, features (stored ones), score (with the cache), serialize",
    ["stage", "model_name", "model_version"],
    buckets=_SHORT_BUCKETS,
)
INFLIGHT = Gauge("mojoline_inflight", "Predictions in flight", multiprocess_mode="livesum")
SHED = Counter("mojoline_shed_total", "Requests turned away", ["reason"])

UNSEEN_LEVELS = Counter(
    "mojoline_unseen_level_total", "Levels in scored rows that training never saw", ["model_name", "column"]
)
MISSING_VALUES = Counter(
    "mojoline_missing_value_total", "Values that scored rows did not have", ["model_name", "column"]
)
BAD_NUMBERS = Counter(
    "mojoline_bad_number_total",
    "Values of numeric columns that were refused: no finite number",
    ["model_name", "column"],
)

# experiments; how the variants drift is told by `drift_metrics`, since it goes again
_VARIANT = ["model_name", "experiment", "variant"]
VARIANT_REQUESTS = Counter(
    "mojoline_variant_requests_total", "Requests of a variant: answered or failed", [*_VARIANT, "result"]
)
VARIANT_SECONDS = Histogram(
    "mojoline_variant_score_seconds",
    "Time of a variant's scoring, with the cache",
    _VARIANT,
    buckets=_SHORT_BUCKETS,
)
VARIANT_CACHE = Counter(
    "mojoline_variant_cache_total", "Answers of a variant by where they came from", [*_VARIANT, "result"]
)
SHADOW_DROPPED = Counter(
    "mojoline_shadow_dropped_total", "Requests a shadow had no time for", ["model_name", "variant"]
)
SHADOW_FAILURES = Counter(
    "mojoline_shadow_failures_total", "Requests a shadow could not score", ["model_name", "variant"]
)
SHADOW_DIFFERENCE = Histogram(
    "mojoline_shadow_abs_diff",
    "How far a shadow's first score is from what was answered",
    ["model_name", "variant"],
    buckets=(1e-9, 1e-6, 1e-4, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
)

# models; what is served is told by `served_metrics`, since it goes again
SWAPS = Counter(
    "mojoline_swap_total",
    "Generations of the aliases that were followed, or could not be",
    ["model_name", "result"],
)
SWAP_SECONDS = Histogram(
    "mojoline_swap_duration_seconds",
    "Time of a swap's phases: verify (digests), parse, prove (golden rows), warm, flip",
    ["model_name", "phase"],
    buckets=(0.0001, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
SWAP_LAST_SUCCESS = Gauge(
    "mojoline_swap_last_success_timestamp_seconds",
    "When the aliases were last followed",
    ["model_name"],
    multiprocess_mode="max",
)
