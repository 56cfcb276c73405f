"""The reduction: many numeric columns become few components that keep most of their variance."""

import dagster as dg

from assets.code_version import code_version
from assets.plots import Metadata, bar_plot, rounded, table
from assets.stage import H2O_POOL, shown_errors, spec_part, stage_asset
from mojoline.features.snapshot import Snapshot
from mojoline.model_spec import ModelSpec
from mojoline.settings import load_settings
from mojoline.stage_cache import run_stage, stage_key
from mojoline.training.reduction import Reduction, fit_reduction

SHAPED_BY = ("source", "target", "features", "reduction")


def reduction_asset(spec: ModelSpec) -> dg.AssetsDefinition:
    """The asset that fits the reducer of `spec` and makes the training columns with its MOJO."""
    code = code_version("mojoline/training", "mojoline/runtime", distributions=("h2o", "mojo-scorer"))

    @stage_asset(
        spec,
        group="reduce",
        kinds={"h2o", "parquet"},
        reads=["snapshot"],
        pool=H2O_POOL,
        code=code,
        description=(
            "Principal components of the numeric features, fitted in H2O on training rows whose missing "
            "values are imputed. The serving runtime scores the training columns with the reducer's MOJO, so "
            "training sees exactly what serving will compute."
        ),
    )
    def reduction(context: dg.AssetExecutionContext, snapshot: Snapshot) -> dg.MaterializeResult[Reduction]:
        with shown_errors():
            settings = load_settings()
            key = stage_key("reduction", snapshot.digest, spec_part(spec, *SHAPED_BY), code)
            fitted, reused = run_stage(
                settings.work_dir / spec.name / "reduction",
                key,
                Reduction,
                lambda directory: fit_reduction(spec, snapshot, settings, directory),
            )
        context.log.info(f"{len(fitted.inputs)} numeric features -> {fitted.k} components ({fitted.kind})")
        return dg.MaterializeResult(
            value=fitted,
            metadata={**_describe(fitted), "reused": reused},
            data_version=dg.DataVersion(key),
        )

    return reduction


def _describe(fitted: Reduction) -> Metadata:
    shown: Metadata = {
        "kind": fitted.kind,
        "features_in": len(fitted.inputs),
        "components_kept": fitted.k,
        "rule": fitted.rule,
        "dagster/row_count": fitted.rows,
        "rows_train": fitted.train_rows,
        "rows_valid": fitted.valid_rows,
        "rows_test": fitted.test_rows,
    }
    if not fitted.explained:
        return shown
    kept = [("good" if index < fitted.k else "muted") for index in range(len(fitted.explained))]
    names = [f"PC{index + 1}" for index in range(len(fitted.explained))]
    return shown | {
        "variance_kept": rounded(fitted.cumulative[fitted.k - 1]),
        "explained_variance": bar_plot(
            "Explained variance, share of the whole (green: kept)",
            list(zip(names, fitted.explained, kept, strict=True)),
        ),
        "explained_variance_numbers": table(
            [
                {"component": name, "explained": own, "cumulative": total}
                for name, own, total in zip(names, fitted.explained, fitted.cumulative, strict=True)
            ]
        ),
    }
