"""Similarities: which samples of a minibatch are taken to be of the same class."""
