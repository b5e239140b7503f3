"""Classifiers: from features, labels and sample multiplicities to scores of new features."""
