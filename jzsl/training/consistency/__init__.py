"""Consistency: the predictions for two views of a sample should be the same."""
