"""Blind pairwise votes by people (the protocol of the paper's WriteEval) as a small web page: `rlmr arena`."""
