"""RLMR: mixed rewards for creative writing. The shared library: wire types, client, service plumbing, command line."""

__version__ = "0.1.0"
