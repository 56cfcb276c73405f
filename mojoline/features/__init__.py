"""Features in PostgreSQL: loading a table, reading a snapshot, fetching rows, guarding against leakage."""

from mojoline.features.hot import fetch_hot

__all__ = ["fetch_hot"]
