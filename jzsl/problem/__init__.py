"""A data set with its splits, the checks on it, its transforms, and the views that training may see of it."""
