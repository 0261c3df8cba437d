"""`python -m rlmr`, the same as the `rlmr` command."""

from rlmr.cli import main

main()
