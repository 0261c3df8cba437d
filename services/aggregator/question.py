"""One group as the request bodies that ask the upstreams about it."""

from dataclasses import dataclass
from typing import Literal

import orjson

from rlmr.wire import RewardGroup, Status


@dataclass(frozen=True, slots=True)
class Question:
    """One group as a request for both upstreams, encoded before anything is sent."""

    group: RewardGroup
    """As it is scored and verified: without what was cut."""
    cut_chars: list[int]
    """Per response, characters of thinking that were cut."""
    positions: list[int]
    """Responses that are sent."""
    held_back: dict[int, tuple[Status, str]]
    """Responses that are not, with their status and the reason."""
    encoded: bytes
    """The group with the responses that are sent: both upstreams take it as it is, so it is encoded once."""
    mode: Literal["strict", "loose"]

    def score(self, positions: list[int]) -> bytes:
        """Body of POST /score for these responses."""
        return b'{"groups":[%b]}' % self._group(positions)

    def verify(self, positions: list[int]) -> bytes:
        """Body of POST /verify for these responses."""
        return b'{"groups":[%b],"mode":"%b"}' % (self._group(positions), self.mode.encode())

    def _group(self, positions: list[int]) -> bytes:
        if positions == self.positions:
            return self.encoded
        return _encoded(self.group, positions)


def encode(group: RewardGroup, cut_chars: list[int], mode: Literal["strict", "loose"], max_chars: int) -> Question:
    """Raises orjson.JSONEncodeError for a prompt that is not valid Unicode."""
    prompt = group.prompt
    prompt_chars = len(prompt) if isinstance(prompt, str) else sum(len(m.content) for m in prompt)
    held_back: dict[int, tuple[Status, str]] = {}
    for i, text in enumerate(group.responses):
        if max(prompt_chars, len(text)) > max_chars:
            held_back[i] = Status.TOO_LONG, f"prompt or response longer than {max_chars} characters"
        elif not _encodable(text):
            held_back[i] = Status.INVALID_INPUT, "the response holds a lone surrogate, which is not valid Unicode"
    positions = [i for i in range(len(group.responses)) if i not in held_back]
    return Question(group, cut_chars, positions, held_back, _encoded(group, positions), mode)


def _encoded(group: RewardGroup, positions: list[int]) -> bytes:
    constraints, prompt = group.constraints, group.prompt
    return orjson.dumps(
        {
            "id": group.id,
            "prompt": prompt if isinstance(prompt, str) else [m.model_dump() for m in prompt],
            "constraints": constraints and [c.model_dump(exclude_none=True) for c in constraints],
            "responses": [group.responses[i] for i in positions],
        }
    )


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
