"""Features of pictures by a pre-trained network."""
