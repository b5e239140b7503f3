"""Metrics of predictions, given the labels: accuracies, the seen-unseen curve, calibration. Pure functions."""
