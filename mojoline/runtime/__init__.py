"""What training and serving share at scoring time, so that both see the same numbers."""
