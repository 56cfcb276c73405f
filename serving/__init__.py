"""The prediction server: imports `mojoline` and `mojo_scorer`, never Dagster or H2O."""
