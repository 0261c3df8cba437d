"""Commands of the whole set of services: start them, examine them. Loaded by name from rlmr/cli.py."""
