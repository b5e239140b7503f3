"""Estimators of the share of each class among unlabelled samples."""
