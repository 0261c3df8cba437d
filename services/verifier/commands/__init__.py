"""Commands that use the checkers: constraints, attack. Loaded by name from rlmr/cli.py."""
