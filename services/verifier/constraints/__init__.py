"""Rule checkers, usable without the service:

from services.verifier.constraints import check
check("length_constraints:number_words", {"num_words": 50, "relation": "at least"}, prompt, response).passed

Importing it registers our own checkers and those of installed packages (outside.py). Raises PluginError where one of these is broken.
"""

from services.verifier.constraints import ifbench, ifeval, versions, writing
from services.verifier.constraints.evaluate import Mode, Subject, check, describe, evaluate, evaluate_variants
from services.verifier.constraints.identity import libraries, revision
from services.verifier.constraints.outside import load_outside_checkers
from services.verifier.constraints.registry import (
    UNSURE,
    Checker,
    ConstraintError,
    Prepared,
    Verdict,
    prepare,
    registry,
)

__all__ = [
    "UNSURE",
    "Checker",
    "ConstraintError",
    "Mode",
    "Prepared",
    "Subject",
    "Verdict",
    "check",
    "describe",
    "evaluate",
    "evaluate_variants",
    "ifbench",
    "ifeval",
    "libraries",
    "prepare",
    "registry",
    "revision",
    "versions",
    "writing",
]

load_outside_checkers()
