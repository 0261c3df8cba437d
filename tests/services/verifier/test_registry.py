"""What every checker tells about itself, and what the registry does not take."""

import hashlib
import re

import pytest

from services.verifier.constraints import registry, revision
from services.verifier.constraints.registry import NoKwargs, RegistrationError, Verdict, checker
from services.verifier.text import Text

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


def test_the_revision_covers_ids_and_versions_and_nothing_else_of_our_own_checkers() -> None:
    listing = "\n".join(f"{id}@{registry[id].version}" for id in sorted(registry))
    assert revision() == hashlib.sha256(listing.encode()).hexdigest()[:12]
