"""The verbs of the command line, one a file: each reads its arguments and calls the library."""
