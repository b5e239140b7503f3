"""Losses of pairs of predictions, given which pairs are of the same class."""
