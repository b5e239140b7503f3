"""Which pseudo-labelled rows to train on: selectors, and the estimators of the class prior that some need."""
