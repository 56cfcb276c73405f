"""k-LIME. H2O-3 reads but does not write it, so its file is put together from K-means and GLMs of H2O-3."""

import tempfile
import zipfile
from pathlib import Path

import h2o
from h2o.estimators import H2OGeneralizedLinearEstimator, H2OKMeansEstimator

from zoo_makers.data import NUMBERS
from zoo_makers.zoo_model import Workbench, ZooModel

CLUSTERS = 3
OWN_MODELS = [0, 2]  # the clusters that have a linear model of their own
KEYS = ["mojo_version", "license", "endianness", "supervised", "n_features", "n_classes", "n_columns"]
KEYS += ["n_domains", "balance_classes", "default_threshold", "prior_class_distrib", "model_class_distrib"]
KEYS += ["h2o_version", "timestamp", "escape_domain_values"]


def put(archive: zipfile.ZipFile, folder: str, model: object) -> dict[str, bytes]:
    """Copy the model's MOJO into a folder of the archive; return its entries."""
    with tempfile.TemporaryDirectory() as scratch:
        path = model.download_mojo(f"{scratch}/part.zip")
        with zipfile.ZipFile(path) as part:
            entries = {n: part.read(n) for n in part.namelist() if "experimental/" not in n}
    for name, content in entries.items():
        archive.writestr(folder + name, content)
    return entries


def describe(linear: dict[str, bytes], parts: list[str]) -> str:
    """Write model.ini: columns and domains as those of the global linear model."""
    info, rest = linear["model.ini"].decode().split("[columns]")
    lines = [line for line in info.splitlines() if line.split(" = ")[0] in KEYS]
    lines += ["algo = klime", "algorithm = k-LIME", "category = KLime", "uuid = 1"]
    lines += [f"submodel_count = {len(parts)}", f"cluster_num = {CLUSTERS}"]
    for at, name in enumerate(parts):
        lines += [f"submodel_key_{at} = {name}", f"submodel_dir_{at} = models/{name}/"]
    lines += ["clustering_model = kmeans", "global_regression_model = global"]
    lines += [f"cluster_regression_model_{at} = linear{at}" for at in OWN_MODELS]
    return "[info]\n" + "\n".join(lines) + "\n\n[columns]" + rest


def klime(name: str, features: list[str], **options: object) -> ZooModel:
    def linear_model(frame: h2o.H2OFrame) -> object:
        model = H2OGeneralizedLinearEstimator(**{"seed": 1, "lambda_": 0.001} | options)
        model.train(x=features, y="amount", training_frame=frame)
        return model

    def make(bench: Workbench, output: Path) -> None:
        # Of fewer columns than the linear models, and in another order.
        clustering = H2OKMeansEstimator(k=CLUSTERS, seed=1)
        clustering.train(x=["beta", "alpha"], training_frame=bench.frame)
        chosen = clustering.predict(bench.frame)["predict"]
        parts = {"kmeans": clustering, "global": linear_model(bench.frame)}
        for at in OWN_MODELS:
            parts[f"linear{at}"] = linear_model(bench.frame[chosen == at, :])
        with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
            entries = {key: put(archive, f"models/{key}/", model) for key, model in parts.items()}
            archive.writestr("model.ini", describe(entries["global"], list(parts)))
            for entry, content in entries["global"].items():
                if entry.startswith("domains/"):
                    archive.writestr(entry, content)

    return ZooModel(name, make, answers="raw")


MODELS = [
    klime("klime", [*NUMBERS, "few"], family="gaussian"),
    # Where the first level is the base, genmodel's reason codes are those of other levels.
    klime("klime_base_level", [*NUMBERS, "few"], family="gaussian", lambda_=0.0),
    klime("klime_skip", [*NUMBERS, "few"], family="gaussian", missing_values_handling="Skip"),
    klime("klime_levels", ["few", "some", "alpha", "beta"], family="gaussian", alpha=0.0, lambda_search=True),
]
EMPTY: dict[str, str] = {
    "binary": "its linear models give numbers",
    "multiclass": "its linear models give numbers",
    "regression": "of a category of its own",
    "offset": "it passes no offset on",
    "weights": "H2O-3 does not train it",
    "calibration": "its answers are no probabilities",
    ">1024 levels": "its linear models are GLMs, which have such a model",
}
