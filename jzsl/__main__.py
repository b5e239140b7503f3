"""`python -m jzsl` is the command `jzsl`."""

from jzsl.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
