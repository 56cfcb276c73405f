"""Drift: frozen training histograms, samples of what was scored, and how far the two lie apart."""
