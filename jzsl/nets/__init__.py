"""Flax modules, each handed out as pure functions. No other folder imports flax."""
