"""What the judge is shown of a sample."""

from dataclasses import dataclass

from rlmr.wire.base import Prompt
from services.verifier.cache import cache_key
from services.verifier.judge.asked_language import language_of
from services.verifier.judge.openers import is_no_text
from services.verifier.judge.prompt_files import Language
from services.verifier.judge.prompting import conversation


@dataclass(frozen=True, slots=True)
class JudgedText:
    """Made once for a sample, off the event loop: hashing long texts for each of its constraints would hold that up."""

    prompt: str
    response: str
    is_no_text: bool
    """Empty, or a mere opener: the judge is not asked."""
    prompt_digest: bytes
    digest: bytes
    """Of prompt and response."""

    language: Language | None
    """Of the task: all constraints of one response are asked in one language, and share a prefix. None: it has no letters."""

    @classmethod
    def of(cls, prompt: Prompt, response: str) -> "JudgedText":
        shown = conversation(prompt)
        return cls(
            shown,
            response,
            is_no_text(response, shown),
            cache_key(shown),
            cache_key(shown, response),
            language_of(shown),
        )
