"""Sources: each file holds one function that returns a `jzsl.problem.problem.Problem`."""
