"""Evaluation. Of a run's policy on held-out prompts: sample.py, judge.py (the services judge). On benchmarks, `rlmr eval`: the rest."""
