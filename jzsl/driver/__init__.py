"""The driver: it runs, saves and shows experiments."""
