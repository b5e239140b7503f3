"""Predictions -> Predictions by the shape of the unlabelled rows: rivals of self-training, and a stage before it."""
