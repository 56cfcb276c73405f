"""The local stack: Postgres, two Redis servers, Dagster and the prediction API as local processes."""
