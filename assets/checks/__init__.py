"""Asset checks: thin shells over the proofs of `mojoline.registry.proofs`."""
