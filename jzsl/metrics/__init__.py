"""Numbers from predictions and labels: accuracies, the seen-unseen curve, calibration. Pure functions."""
