"""Pseudo-label schedules: how many pseudo-labelled samples each round trains on."""
