"""What the judge is shown of a sample."""

from dataclasses import dataclass

from rlmr.wire import VerifySample
from services.verifier.cache import cache_key
from services.verifier.judge.openers import is_no_text
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

    @classmethod
    def of(cls, sample: VerifySample) -> "JudgedText":
        prompt = conversation(sample.prompt)
        return cls(
            prompt, sample.response, is_no_text(sample.response), cache_key(prompt), cache_key(prompt, sample.response)
        )
