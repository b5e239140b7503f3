"""Self-training around any method: rounds, the selection of pseudo-labelled samples, class priors, refinement."""
