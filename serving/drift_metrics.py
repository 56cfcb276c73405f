"""The drift of each variant as gauges: they come and go with what the worker that measures it has found."""

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from serving.worker_states import WorkerStates

_VARIANT = ["model_name", "model_version", "variant"]


class VariantDrifts(Collector):
    """Reads the states of all workers whenever somebody looks, of which one holds what was measured."""

    def __init__(self, states: WorkerStates) -> None:
        self._states = states

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges as they are now."""
        families = {
            name: GaugeMetricFamily(name, text, labels=_VARIANT + (["feature"] if by_feature else []))
            for name, text, by_feature in (
                ("mojoline_psi", "How far what a variant scored lately lies from its training data", True),
                ("mojoline_psi_critical", "The PSI that chance alone reaches in 1 of 20 looks", True),
                ("mojoline_prediction_psi", "The same of what a variant predicts", False),
                ("mojoline_prediction_psi_critical", "The same of what chance alone reaches", False),
                (
                    "mojoline_drift_alert",
                    "1 where a column drifts above the threshold and chance",
                    False,
                ),
                ("mojoline_psi_threshold", "The PSI that alerts, where it is also more than chance", False),
                ("mojoline_psi_samples", "Rows of the reservoir that were looked at", False),
            )
        }
        for state in self._states.read().values():
            for model, served in state.items():
                for variant, drift in served.get("drift", {}).items():
                    self._add(families, [model, drift["version"], variant], drift)
        yield from families.values()

    @staticmethod
    def _add(families: Mapping[str, GaugeMetricFamily], labels: list[str], drift: Mapping[str, Any]) -> None:
        families["mojoline_psi_samples"].add_metric(labels, drift["rows"])
        families["mojoline_psi_threshold"].add_metric(labels, drift["alert"])
        families["mojoline_drift_alert"].add_metric(labels, float(drift["verdict"] == "alert"))
        parts = [("mojoline_psi", [*labels, name], pair) for name, pair in drift["features"].items()]
        if drift["prediction"] is not None:
            parts.append(("mojoline_prediction_psi", labels, drift["prediction"]))
        for family, values, (psi, critical) in parts:
            families[family].add_metric(values, psi)
            if critical is not None:  # there is one as soon as there are rows in training
                families[f"{family}_critical"].add_metric(values, critical)
