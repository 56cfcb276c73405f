"""BentoML: one worker, no batching; started by `bentoml serve bentoml_peer:Scorer`."""

import bentoml
from peer_model import predict as score


@bentoml.service(workers=1)
class Scorer:
    """Scores rows."""

    @bentoml.api(route="/predict")
    async def predict(self, rows: list[dict[str, float | str | None]]) -> dict:
        """Score the rows."""
        return {"predictions": score(rows)}
