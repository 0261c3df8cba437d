"""What every checker tells about itself, and what the registry does not take."""

import ast
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from services.verifier.constraints import libraries, registry, revision
from services.verifier.constraints.registry import (
    NoKwargs,
    RegistrationError,
    Verdict,
    allowed_kwargs,
    checker,
    versioned,
)
from services.verifier.text import Text

ROOT = Path(__file__).parents[3] / "services" / "verifier"
NEXT_SENTENCE = re.compile(r"[.!?]\s+[A-Z`]")


@pytest.mark.parametrize("id", sorted(registry))
def test_a_summary_is_one_whole_sentence_in_one_line(id: str) -> None:
    summary = registry[id].summary
    assert "\n" not in summary
    assert summary.endswith(".")
    assert not NEXT_SENTENCE.search(summary)
    assert 10 <= len(summary) <= 160


@pytest.mark.parametrize("id", sorted(registry))
def test_what_the_summary_says_is_not_said_again_in_a_docstring(id: str) -> None:
    assert registry[id].summary.rstrip(".") not in (registry[id].test.__doc__ or "")


@pytest.mark.parametrize(
    ("summary", "complaint"),
    [
        ("", "one line"),
        (".", "one line"),
        ("No comma", "full stop"),
        ("No comma\nat all.", "one line"),
        ("x" * 160 + ".", "at most 160"),
    ],
)
def test_a_checker_without_a_summary_of_one_sentence_is_not_registered(summary: str, complaint: str) -> None:
    with pytest.raises(RegistrationError, match=complaint):

        @checker("test:summary", NoKwargs, "Anything.", summary=summary)
        def anything(text: Text, kw: NoKwargs) -> Verdict:
            return Verdict(True, "anything")

    assert "test:summary" not in registry


def test_an_id_is_registered_once() -> None:
    with pytest.raises(RegistrationError, match="punctuation:no_comma: id: taken by a checker of RLMR itself"):

        @checker("punctuation:no_comma", NoKwargs, "Anything.", summary="Anything at all.")
        def anything(text: Text, kw: NoKwargs) -> Verdict:
            return Verdict(True, "anything")


def test_the_revision_covers_ids_versions_and_libraries_and_nothing_else_of_our_own_checkers() -> None:
    checkers = registry | {checker.id: checker for checker in versioned.values()}
    listing = [f"{id}@{checkers[id].version}{' unsure' if checkers[id].unsure else ''}" for id in sorted(checkers)]
    listing += [f"{name} {version}" for name, version in libraries().items()]
    assert revision() == hashlib.sha256("\n".join(listing).encode()).hexdigest()[:12]


def test_every_library_that_the_checkers_import_is_covered() -> None:
    """But for those that only carry the kwargs and the log."""
    imported = set()
    for path in [*(ROOT / "constraints").rglob("*.py"), *(ROOT / "text").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).partition(".")[0])
    outside = imported - sys.stdlib_module_names - {"rlmr", "services", "pydantic", "structlog"}
    distributions = {"yaml": "pyyaml", "markdown_it": "markdown-it-py"}
    assert {distributions.get(name, name) for name in outside} == libraries().keys() - {"python", "unicode"}


def test_another_version_of_a_library_is_another_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {**libraries(), "regex": "1999.1.1"}
    before = revision()
    monkeypatch.setattr("services.verifier.constraints.identity.libraries", lambda: other)
    assert revision() != before


def test_the_revision_is_the_same_in_every_process() -> None:
    script = "from services.verifier.constraints import revision; print(revision())"
    found = set()
    for seed in ("0", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run([sys.executable, "-c", script], cwd=ROOT.parents[1], env=environment, capture_output=True)
        found.add(run.stdout.decode().strip())
    assert found == {revision()}


def test_allowed_kwargs_say_what_a_list_is_made_of() -> None:
    assert allowed_kwargs(registry["length:of_parts"]) == "parts: list of {min?: integer | null, max?: integer | null}"
    assert allowed_kwargs(registry["structure:form"]) == "parts: list of list of string, times?: integer"
