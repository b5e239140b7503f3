"""Studies: one question, one table, one figure. They may look at true labels, and say so."""
