"""What a reasoning policy thought before it answered: cut before scoring and verifying, if the setting says so."""

import re

_THOUGHT = re.compile(r"\A\s*(?:<think>)?(.*?)</think>\s*", re.DOTALL)
_UNENDED = re.compile(r"\A\s*<think>.*\Z", re.DOTALL)


def without_thinking(response: str) -> str:
    """The response after its first `</think>`; empty if it began to think and never ended. Chat templates may put `<think>` into
    the prompt, so it need not be there.

    Not for policies that do not reason: whatever stands before a `</think>` that such a policy writes would go unseen."""
    answer = _THOUGHT.sub("", response, count=1)
    return "" if _UNENDED.match(answer) else answer
