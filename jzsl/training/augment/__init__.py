"""Augmentations of minibatches of images: pure functions of a key, inside the compiled epoch."""
