"""Held-out evaluation of a policy: sample responses (sample.py), have the services judge them (judge.py)."""
