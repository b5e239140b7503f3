"""Classifiers: from features, labels and row multiplicities to scores of new features."""
