"""IFEval's and IFBench's ids in several versions of their checkers: ID@reference@COMMIT and ID@fixed@N.

    length_constraints:number_words                     the reference's verdicts, as published numbers mean them (the default)
    length_constraints:number_words@reference           the same, said aloud
    count:pronouns@reference@c94da02                    as an earlier commit of the reference had it
    count:conjunctions@fixed                            what the instruction asks for, where the reference checks something else

`in_version(id, "fixed")` names a constraint of a benchmark in a version; `prepare` takes the name. A checker whose meaning a version does
not change is the same in both, under both names. Version and commit may be left out: the newest.
"""

from services.verifier.constraints.versions import fixed_ifbench, fixed_ifeval, ifbench_c94da02
from services.verifier.constraints.versions.catalogue import (
    CHANGES,
    VERSIONS,
    Change,
    base_id,
    fill_catalogue,
    in_version,
    versions_of,
)

__all__ = [
    "CHANGES",
    "VERSIONS",
    "Change",
    "base_id",
    "fixed_ifbench",
    "fixed_ifeval",
    "ifbench_c94da02",
    "in_version",
    "versions_of",
]

fill_catalogue()
