"""Accuracies, the seen-unseen curve, and the protocol object that alone holds test labels."""
