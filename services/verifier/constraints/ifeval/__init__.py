"""IFEval's 25 instruction ids (Zhou et al. 2023, arXiv 2311.07911), with the verdicts of its reference checkers.

Where the reference is odd, the oddity is kept: these ids are what published numbers mean. docs/verifier.md lists them.
"""

from services.verifier.constraints.ifeval import (
    change_case,
    combination,
    detectable_content,
    detectable_format,
    keywords,
    language,
    length,
    punctuation,
    startend,
)

__all__ = [
    "change_case",
    "combination",
    "detectable_content",
    "detectable_format",
    "keywords",
    "language",
    "length",
    "punctuation",
    "startend",
]
