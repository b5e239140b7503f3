"""Studies: one question, one table, one figure each. Those that use true labels of test samples say so."""
