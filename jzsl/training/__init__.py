"""Epochs in one compiled loop, checkpoints, and the driver of a run."""
