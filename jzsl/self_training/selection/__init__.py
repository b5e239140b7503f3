"""Selectors: which pseudo-labelled samples a round trains on."""
