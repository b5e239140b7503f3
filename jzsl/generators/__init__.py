"""Generators: learn p(x | class semantics) from a pool, then sample it."""
