"""Tasks: which test samples are classified, among which classes, and how the predictions are scored."""
