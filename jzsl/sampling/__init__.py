"""Langevin kernels for one chain (the caller vmaps them), their runner and their diagnostics."""
