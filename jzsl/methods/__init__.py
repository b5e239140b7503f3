"""Whole inductive zero-shot methods. Each honours the pool's row multiplicities and knows no test label."""
