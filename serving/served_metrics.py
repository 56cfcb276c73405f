"""Who serves what, as gauges: they come with a version and go with it, in every worker."""

import time
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from serving.worker_states import WorkerStates


class ServedVersions(Collector):
    """Reads the states of all workers whenever somebody looks; so nothing has to be taken back."""

    def __init__(self, states: WorkerStates) -> None:
        self._states = states

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges as they are now."""
        info = GaugeMetricFamily(
            "mojoline_model_info",
            "1 for every loaded version of every worker; `alias` is champion for the one that serves",
            labels=[
                *("model_name", "model_version", "worker", "alias"),
                *("digest", "algorithm", "h2o_version", "mojo_version"),
            ],
        )
        size = GaugeMetricFamily(
            "mojoline_model_loaded_bytes",
            "Memory of a loaded version in a worker",
            labels=["model_name", "model_version", "worker"],
        )
        age = GaugeMetricFamily(
            "mojoline_model_age_seconds",
            "Time since the champion that serves was published",
            labels=["model_name", "model_version", "worker"],
        )
        generation = GaugeMetricFamily(
            "mojoline_model_generation",
            "Generation of aliases.json that a worker serves",
            labels=["model_name", "worker"],
        )
        failed = GaugeMetricFamily(
            "mojoline_model_follow_failed",
            "1 while a worker keeps an older version because aliases.json cannot be followed: an alert",
            labels=["model_name", "worker"],
        )
        for number, state in self._states.read().items():
            worker = str(number)
            for name, served in state.items():
                for version in served["loaded"]:
                    info.add_metric(
                        [
                            *(name, version["version"], worker, version["alias"], version["digest"]),
                            *(version["algorithm"], version["h2o_version"], version["mojo_version"]),
                        ],
                        1,
                    )
                    size.add_metric([name, version["version"], worker], version["bytes"])
                    if version["alias"] == "champion":
                        age.add_metric(
                            [name, version["version"], worker], max(0.0, time.time() - version["created_at"])
                        )
                if served["generation"] is not None:
                    generation.add_metric([name, worker], served["generation"])
                failed.add_metric([name, worker], float(served["state"] == "failed"))
        yield from (info, size, age, generation, failed)
