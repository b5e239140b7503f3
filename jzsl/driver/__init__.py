"""The thin driver: it runs, saves and shows experiments."""
