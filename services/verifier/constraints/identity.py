"""Which rules these are: one short hash over all that decides their verdicts."""

import hashlib
import sys
import unicodedata
from functools import cache
from importlib.metadata import version

from services.verifier.constraints.registry import Checker, registry, versioned

_DECIDING = (
    "emoji",
    "langdetect",
    "lemminflect",
    "markdown-it-py",
    "misaki",
    "numpy",
    "pypinyin",
    "pyyaml",
    "regex",
    "syllapy",
)


@cache
def libraries() -> dict[str, str]:
    """Versions of what decides verdicts beside our own code: libraries, and Python with its Unicode tables."""
    return {
        **{name: version(name) for name in _DECIDING},
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "unicode": unicodedata.unidata_version,
    }


def revision() -> str:
    """Short hash over every checker's id and version, those of IFEval and IFBench in all their versions, the libraries, and of checkers from outside the distribution and its version."""
    known = registry | {c.id: c for c in versioned.values()}
    checkers = [_line(c) for c in sorted(known.values(), key=lambda c: c.id)]
    listing = "\n".join([*checkers, *(f"{name} {number}" for name, number in libraries().items())])
    return hashlib.sha256(listing.encode()).hexdigest()[:12]


def _line(found: Checker) -> str:
    """Our own change their version with their meaning; of another package only the release is known."""
    unsure = " unsure" if found.unsure else ""
    return f"{found.id}@{found.version}{unsure}" + (f" {found.origin}" if found.origin else "")
