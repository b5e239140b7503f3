"""Trained models that need no training code: as StableHLO programs, and as plain NumPy arrays."""
