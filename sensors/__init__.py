"""When something outside Dagster matters: thin shells over pure decisions."""
