"""IFBench's 58 constraint ids (Pyatkin et al. 2025, arXiv 2507.02833), with the verdicts of its reference checkers.

As with IFEval, the reference's oddities are kept; docs/verifier.md lists them.
"""

from services.verifier.constraints.ifbench import (
    count,
    custom,
    custom_csv,
    format,
    format_lists,
    ratio,
    repeat,
    sentence,
    words,
    words_position,
)

__all__ = [
    "count",
    "custom",
    "custom_csv",
    "format",
    "format_lists",
    "ratio",
    "repeat",
    "sentence",
    "words",
    "words_position",
]
