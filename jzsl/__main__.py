"""`python -m jzsl` is the command `jzsl`."""

from jzsl.cli import main

raise SystemExit(main())
