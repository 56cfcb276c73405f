"""The shared domain of mojoline: features, training, registry, drift, runtime and the command line."""
