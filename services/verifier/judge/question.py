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

    def language_with(self, *constraints: str) -> Language:
        """Of the task, where it has letters: all constraints of one response are then asked in one language, and share a prefix."""
        return language_of(self.prompt, *constraints)

    @classmethod
    def of(cls, prompt: Prompt, response: str) -> "JudgedText":
        shown = conversation(prompt)
        return cls(shown, response, is_no_text(response, shown), cache_key(shown), cache_key(shown, response))
