"""Optimizers as parts of a configuration, whose learning rate follows a schedule."""
