"""How hard a sample is: angular visual hardness and its rivals, and how they agree with a measured hardness."""
