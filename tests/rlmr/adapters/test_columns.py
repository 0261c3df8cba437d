"""Prompts, completions and constraints in every form a dataset may carry them in."""

import json
from typing import Any

import pytest

from rlmr.adapters.columns import constraints_of, group_of, prompt_of, response_of

CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Write."}]


def test_plain_and_conversational_prompts() -> None:
    assert prompt_of("Write.") == "Write."
    assert prompt_of(CHAT) == CHAT
    blocks = [
        {"role": "user", "content": [{"type": "text", "text": "Wri"}, {"type": "text", "text": "te."}], "name": None}
    ]
    assert prompt_of(blocks) == [{"role": "user", "content": "Write."}]


def test_plain_and_conversational_completions() -> None:
    assert response_of("A story.") == "A story."
    assert response_of([{"role": "assistant", "content": "A story."}]) == "A story."


def test_after_tools_the_answer_is_the_last_message_of_the_assistant() -> None:
    turns = [
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "42"},
        {"role": "assistant", "content": "The answer."},
    ]
    assert response_of(turns) == "The answer."
    assert response_of(turns[:2]) == ""


def test_constraints_as_json_as_mappings_and_as_null() -> None:
    plain = [{"type": "punctuation:no_comma"}]
    assert constraints_of(json.dumps(plain)) == constraints_of(plain) == plain
    assert constraints_of(None) is None and constraints_of("null") is None
    assert constraints_of([]) == []


def test_the_nulls_that_arrow_adds_are_taken_out_again() -> None:
    datasets = pytest.importorskip("datasets")
    rows: list[dict[str, Any]] = [
        {"c": [{"type": "a:b", "kwargs": {"n": 3}}, {"type": "judge", "text": "rhymes"}]},
        {"c": [{"type": "c:d", "kwargs": {"word": "x"}}]},
    ]
    stored = datasets.Dataset.from_list(rows)
    assert stored[0]["c"][0]["kwargs"] == {"n": 3, "word": None}  # what Arrow makes of them
    assert constraints_of(stored[0]["c"]) == rows[0]["c"]
    assert constraints_of(stored[1]["c"]) == rows[1]["c"]


@pytest.mark.parametrize(
    ("prompt", "constraints", "told"),
    [
        ("Write.", '{"type": "a"}', "a JSON list, or null"),
        ("Write.", [{"kwargs": {}}], "type"),
        ([{"role": "user", "content": [{"type": "image"}]}], [], "only text"),
        ([{"role": "tool", "content": "x"}], [], "role"),
        ([{"content": "x"}], [], "role"),
    ],
)
def test_what_cannot_be_asked_for_is_named(prompt: Any, constraints: Any, told: str) -> None:
    with pytest.raises(ValueError, match="group 'p1#0'") as caught:
        group_of("p1#0", prompt, constraints, ["a"])
    assert told in str(caught.value)
