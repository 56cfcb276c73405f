"""A code location as small as can be, for the tests of the local stack."""

import time

import dagster as dg


class Pace(dg.Config):
    seconds: float = 0.0
    fail: bool = False


@dg.asset(key_prefix=["probe"], pool="h2o")
def measured(config: Pace) -> dg.MaterializeResult:
    time.sleep(config.seconds)
    if config.fail:
        raise ValueError("the probe was asked to fail")
    figures = {"rows": 2**40, "share": 0.5, "names": {"a": [1]}, "word": "x", "good": True}
    return dg.MaterializeResult(metadata=figures)


@dg.asset_check(asset=measured)
def holds() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, metadata={"looked_at": 3})


probe_job = dg.define_asset_job(
    "probe_job",
    selection=[measured],
    tags={"mojoline/model": "probe"},
    executor_def=dg.in_process_executor,
)


@dg.definitions
def defs() -> dg.Definitions:
    return dg.Definitions(assets=[measured], asset_checks=[holds], jobs=[probe_job])
