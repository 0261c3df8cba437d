"""Commands of the trainer: train, compare, rm, eval, world. Loaded by name from rlmr/cli.py."""
