"""MLServer: a custom runtime, no parallel workers (its fastest way); V2 in and out."""

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput
from peer_model import model


class Scorer(MLModel):
    """Scores tensors, one per column."""

    async def load(self) -> bool:
        """Nothing: the model is loaded with the module."""
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Score the columns."""
        columns = {tensor.name: list(tensor.data.root) for tensor in payload.inputs}
        scores = model.score(model.matrix(columns))
        labels = [model.response_domain[int(flag)] for flag in scores[:, 1] >= model.default_threshold]
        outputs = [ResponseOutput(name="predict", shape=[len(labels)], datatype="BYTES", data=labels)]
        outputs += [
            ResponseOutput(name=f"p{i}", shape=[len(labels)], datatype="FP64", data=scores[:, i].tolist())
            for i in range(scores.shape[1])
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)
