"""Attacks on a verifier: responses that violate their constraint and try to be passed all the same."""
