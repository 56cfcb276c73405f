"""LitServe: one API worker, no batching."""

from typing import Any

import litserve
from peer_model import port, predict


class Api(litserve.LitAPI):
    """Scores rows."""

    def setup(self, device: str) -> None:
        """Nothing: the model is loaded with the module."""

    def predict(self, request: dict[str, Any]) -> dict[str, Any]:
        """Score the rows."""
        return {"predictions": predict(request["rows"])}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=port, num_api_servers=1, log_level="warning", generate_client_file=False
    )
