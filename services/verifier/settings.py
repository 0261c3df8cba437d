"""Settings of the verifier, each an environment variable RLMR_VERIFIER_<NAME> (the key: RLMR_API_KEY)."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from services.serving import ServiceSettings

_OURS = ("model", "messages", "n", "stream", "response_format", "logprobs", "top_logprobs", "max_tokens")
"""Of a request to the judge: what decides how its answer is read."""


class VerifierSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="RLMR_VERIFIER_", extra="ignore", populate_by_name=True)

    port: int = Field(default=8002, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    max_constraints: int = Field(
        default=64, ge=1, description="Most constraints of one sample; a sample with more is invalid_input."
    )
    max_pending_samples: int = Field(
        default=8192, ge=1, description="Most samples accepted and not yet answered; beyond it requests get 429."
    )
    check_threads: int = Field(
        default=2,
        ge=1,
        description="Threads for rule checks; a second one lets short texts pass a long one, more do not make it faster.",
    )
    timeout_seconds: float = Field(
        default=150.0,
        gt=0,
        description="Longest work on one request from its arrival, in seconds; what has no verdict by then is timeout. Callers ask for less "
        "with the header X-RLMR-Deadline.",
    )
    cache_bytes: int = Field(
        default=64 * 2**20, ge=0, description="Memory for remembered verdicts, in bytes; 0 switches the cache off."
    )

    judge_url: str | None = Field(
        default=None,
        description="OpenAI-compatible endpoint of the judge, e.g. http://127.0.0.1:30000/v1; unset = rules only, and what needs a "
        "judge is unverifiable.",
    )
    judge_model: str = Field(default="", description="Name under which the endpoint serves the judge's model.")
    judge_source: str = Field(
        default="", description="Where that model came from, such as ORGANISATION/MODEL@COMMIT; shown in /v1/info."
    )
    judge_api_key: SecretStr | None = Field(default=None, description="Bearer key of the judge's endpoint.")
    judge_mode: Literal["verdict", "yes_no", "paper"] = Field(
        default="verdict",
        description="verdict: a reason and a verdict as JSON, one constraint a call. yes_no: log-probabilities of one token, cheaper and without "
        "a reason. paper: one call and one verdict for all constraints of a sample, rules too, as published; to compare with.",
    )
    judge_language: Literal["auto", "en", "zh"] = Field(
        default="auto",
        description="Language of the judge's prompts; auto = the task's: Chinese for Chinese ones, else English.",
    )
    judge_prompts: Path | None = Field(
        default=None,
        description="Folder with prompts in place of ours (en/verdict_user.txt ...) and the form of the verdict (form.json): docs/verifier.md.",
    )
    judge_temperature: Annotated[float, Field(ge=0, le=2)] | Literal["omit"] = Field(
        default=0, description="Sampling temperature; omit = not sent, the endpoint's own."
    )
    judge_top_p: Annotated[float, Field(gt=0, le=1)] | Literal["omit"] = Field(
        default=1, description="Nucleus sampling; omit = not sent."
    )
    judge_seed: int | Literal["omit"] = Field(
        default=0,
        description="Seed of a call, plus the number of the vote; omit = not sent, for endpoints that refuse it.",
    )
    judge_thinking: Literal["default", "on", "off"] = Field(
        default="default",
        description="Thinking of a reasoning judge, by chat_template_kwargs (enable_thinking, thinking); default = nothing is sent. With on the "
        "verdict is what follows the thinking.",
    )
    judge_thinking_tokens: int = Field(
        default=4096, ge=0, description="With judge_thinking on: tokens for it, beside judge_max_tokens."
    )
    judge_extra_body: dict[str, Any] = Field(
        default_factory=dict,
        description='Further fields of a request to the judge, a JSON object such as {"reasoning_effort": "low"}; they win over ours.',
    )
    judge_votes: int = Field(
        default=1,
        ge=1,
        le=15,
        description="Calls per constraint; more than half must agree, else there is no verdict. More than 1 needs a temperature above 0.",
    )
    judge_yes_threshold: float = Field(
        default=0.5, gt=0, lt=1, description="In mode yes_no: least P(yes) / (P(yes) + P(no)) that passes."
    )
    judge_concurrency: int = Field(default=64, ge=1, description="Calls to the judge at the same time.")
    judge_seconds: float = Field(
        default=60.0,
        gt=0,
        description="Longest time of one judgement from its start, in seconds, retries included; TIMEOUT_SECONDS counts the wait for it too.",
    )
    judge_seconds_per_1000_chars: float = Field(
        default=2.0, ge=0, description="Added to the deadline per 1,000 characters of text, in seconds."
    )
    judge_retries: int = Field(
        default=2, ge=0, description="Repeats after connection errors, 408, 429 and 5xx, within the deadline."
    )
    judge_max_tokens: int = Field(default=400, ge=16, description="Most tokens of a reason and verdict.")
    judge_split_max_tokens: int = Field(
        default=4096, ge=64, description="Most tokens of a prompt's list of constraints."
    )
    judge_calls_per_request: int = Field(
        default=8192,
        ge=1,
        description="Most calls to the judge that one request may cause; beyond it constraints are unavailable.",
    )
    judge_after_failure: bool = Field(
        default=False,
        description="Ask the judge also where a rule has failed already; the sample fails either way.",
    )
    judge_check_seconds: float = Field(
        default=5.0,
        gt=0,
        description="Time between two looks at whether the endpoint still serves the model, in seconds.",
    )
    judge_golden_minutes: float = Field(
        default=10.0,
        ge=0,
        description="The golden verdicts are asked at start, when another model is served, and so often, in minutes; 0 = never.",
    )
    judge_golden_wrong_share: float = Field(
        default=0.25,
        ge=0,
        lt=1,
        description="Largest share of wrong or unreadable golden verdicts with which the service is ready, 0 to 1. One answer to everything "
        "is wrong in half of them.",
    )
    judge_failed_calls: int = Field(
        default=20,
        ge=1,
        description="After so many failed calls in a row the service is not ready, until one succeeds (it tries by itself).",
    )

    @model_validator(mode="after")
    def _judge_has_a_model(self) -> "VerifierSettings":
        if self.judge_url and not self.judge_model:
            raise ValueError("judge_url is set: set judge_model too (RLMR_VERIFIER_JUDGE_MODEL)")
        return self

    @field_validator("judge_extra_body")
    @classmethod
    def _answers_are_still_ours_to_read(cls, body: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(set(body) & set(_OURS)):
            raise ValueError(f"{', '.join(taken)}: decides how answers are read, and has settings of its own")
        return body

    @model_validator(mode="after")
    def _modes_fit(self) -> "VerifierSettings":
        if self.judge_mode == "yes_no" and self.judge_thinking == "on":
            raise ValueError(
                "judge_mode yes_no reads the first token, which a thinking judge thinks with: set judge_thinking off"
            )
        if self.judge_votes > 1 and self.judge_mode == "yes_no":
            raise ValueError(
                "judge_votes: log-probabilities are the same at every call: set judge_votes 1 with judge_mode yes_no"
            )
        if self.judge_votes > 1 and self.judge_temperature == 0:
            raise ValueError(
                "judge_votes: at temperature 0 all votes are one: set judge_temperature, 0.6 say, or judge_votes 1"
            )
        return self

    @model_validator(mode="after")
    def _prompts_can_be_read(self) -> "VerifierSettings":
        from services.verifier.judge.form import forms_of
        from services.verifier.judge.prompt_files import prompts_of

        prompts_of(self.judge_prompts)
        forms_of(self.judge_prompts)
        return self
