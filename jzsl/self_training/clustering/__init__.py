"""Clusterings of the unlabelled samples, on the host: what the class prior 3C compares predictions with."""
