"""Locust users for the prediction API: single rows, small batches and V2 tensors of every model it serves.

    locust -f deploy/loadtest/locustfile.py --host http://127.0.0.1:8080 --headless -u 20 -r 20 -t 20s
    MOJOLINE_LOAD_RATE=200 locust ...        # requests a second of all users together

The users ask the server which models and columns there are, so the file fits any registry. What fails is an
answer that is not 200, or one without a prediction for each row.
"""

import os
import random
from collections.abc import Callable
from typing import Any

from locust import FastHttpUser, constant_throughput, events, task

RATE = float(os.environ.get("MOJOLINE_LOAD_RATE", "200"))
BATCH = 20


@events.test_start.add_listener
def share_the_rate(environment: Any, **_: Any) -> None:  # noqa: ANN401 - locust's own
    """Each user asks for its share of the rate."""
    users = environment.parsed_options.num_users if environment.parsed_options else 1
    PredictionUser.wait_time = constant_throughput(RATE / max(1, users or 1))


class PredictionUser(FastHttpUser):
    """Asks for predictions of rows drawn by chance."""

    wait_time: Callable[[Any], float] = constant_throughput(1)

    def on_start(self) -> None:
        """Learn what is served."""
        names = self.client.get("/v2/models").json()["models"]
        metadata = [self.client.get(f"/v2/models/{name}", name="/v2/models/{model}").json() for name in names]
        self.inputs = {model["name"]: model["inputs"] for model in metadata}

    @task(8)
    def predict_row(self) -> None:
        """One row."""
        self.predict(1)

    @task(1)
    def predict_batch(self) -> None:
        """Several rows."""
        self.predict(BATCH)

    @task(1)
    def infer(self) -> None:
        """One row as tensors."""
        model, row = self.draw(1)
        tensors = [
            {**tensor, "shape": [1], "data": [row[0][tensor["name"]]]} for tensor in self.inputs[model]
        ]
        path = f"/v2/models/{model}/infer"
        with self.client.post(path, json={"inputs": tensors}, catch_response=True) as response:
            if response.status_code != 200 or not response.json()["outputs"]:
                response.failure(response.text)

    def predict(self, count: int) -> None:
        """Ask for `count` rows."""
        model, rows = self.draw(count)
        content, name = {"model": model, "rows": rows}, f"/predict, rows: {count}"
        with self.client.post("/predict", json=content, name=name, catch_response=True) as response:
            if response.status_code != 200 or len(response.json()["predictions"]) != count:
                response.failure(response.text)

    def draw(self, count: int) -> tuple[str, list[dict[str, Any]]]:
        """A model and rows for it."""
        model = random.choice(list(self.inputs))  # noqa: S311 - guards nothing
        return model, [
            {t["name"]: draw_value(t["datatype"]) for t in self.inputs[model]} for _ in range(count)
        ]


def draw_value(datatype: str) -> float | str:
    """A number, or a level that no model knows."""
    return "unseen" if datatype == "BYTES" else round(random.gauss(0, 100), 3)
