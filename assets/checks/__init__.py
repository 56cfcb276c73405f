"""Asset checks: thin shells over the leakage guard and the proofs of `mojoline.registry.proofs`."""
