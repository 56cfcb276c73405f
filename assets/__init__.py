"""What exists: one module per stage of a model version, checks beside them."""
