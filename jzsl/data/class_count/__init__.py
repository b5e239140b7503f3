"""Estimates of how many classes unlabelled samples are of."""
