"""Every knob of the aggregator: environment variables RLMR_AGGREGATOR_<FIELD>, plus those every service has.

The parameters of strategies are not fields here: each strategy declares its own (mixing/), and parameters.py reads them.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, PrivateAttr, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from rlmr.wire import FilterSpec, PolicyFault
from services.aggregator.mixing import BoundStrategy, GroupFilter
from services.aggregator.parameters import ENV_PREFIX, read_parameters
from services.aggregator.strategies import installed
from services.serving import ServiceSettings


class AggregatorSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="ignore", populate_by_name=True, allow_inf_nan=False)

    _parameters: dict[str, dict[str, Any]] = PrivateAttr(default_factory=dict)
    """By strategy: those of its parameters that are set."""

    def __init__(self, **values: Any) -> None:
        """Fields and parameters of strategies by name; what is not given comes from the environment."""
        super().__init__(**values)
        self._parameters = read_parameters(installed(), values, taken=set(type(self).model_fields))

    port: int = Field(default=8000, ge=0, le=65535, description="TCP port; 0 takes a free one.")

    writing_rm_url: str = Field(default="http://127.0.0.1:8001", description="Base URL of the writing reward model.")
    verifier_url: str = Field(default="http://127.0.0.1:8002", description="Base URL of the constraint verifier.")
    shadow_writing_rm_url: str | None = Field(
        default=None,
        description="Base URL of a second reward model that is only compared: what the first has scored is sent to it after the reply. "
        "Metrics rlmr_aggregator_shadow_*; the report is GET /v1/shadow.",
    )
    upstream_api_key: SecretStr | None = Field(
        default=None, description="Bearer key sent to both upstreams; unset = RLMR_API_KEY."
    )

    strategy: str = Field(default="rlmr", description="Mixing strategy of requests that name none.")
    ask_all: bool = Field(
        default=False,
        description="Also ask the upstream that the strategy does not need, once and for the report only: quality_only then "
        "tells `violated`, verify_only tells `writing`. Its failure invalidates nothing, but a slow one delays the answer.",
    )
    verify_mode: Literal["strict", "loose"] = Field(default="strict", description="Mode of POST /verify.")

    all_high: float | None = Field(default=None, description="Drop groups whose writing rewards are all above this.")
    all_low: float | None = Field(default=None, description="Drop groups whose writing rewards are all below this.")
    drop_all_violate: bool = Field(
        default=True, description="Drop groups in which every valid sample violates (rlmr does so always)."
    )
    min_valid: int = Field(default=2, ge=1, description="Fewest valid samples of a group (at most its size).")
    min_valid_share: float = Field(default=0.5, ge=0, le=1, description="Smallest valid share of a group.")
    policy_faults: list[PolicyFault] = Field(
        default=list(PolicyFault),
        description="What counts as a violation through the policy's own doing (JSON list): empty, too_long, cut_off, unparseable.",
    )
    thinking: Literal["keep", "cut"] = Field(
        default="keep",
        description="cut, for reasoning policies: what stands before the first `</think>` of a response is neither scored nor verified.",
    )

    timeout_seconds: float = Field(
        default=120.0,
        gt=0,
        description="Deadline of an upstream call without any text, the wait in the upstream's queue included, for callers that do not "
        "send their own (X-RLMR-Deadline).",
    )
    timeout_seconds_per_1000_chars: float = Field(
        default=0.1, ge=0, description="Added to the deadline for every 1,000 characters of prompt and responses."
    )
    timeout_max_seconds: float = Field(
        default=170.0, gt=0, description="Longest deadline; below the 180 s after which OpenRLHF gives up."
    )
    connect_timeout_seconds: float = Field(default=5.0, gt=0, description="Longest wait for a TCP connection.")
    retries: int | None = Field(
        default=None,
        ge=0,
        description="Further attempts after a connection error or a 5xx, and further questions for samples without an answer, within the "
        "deadline; unset = as many as it allows. Replies with Retry-After do not count.",
    )
    backoff_seconds: float = Field(
        default=0.2, gt=0, description="First wait between attempts; doubles each time, with jitter."
    )
    backoff_max_seconds: float = Field(default=5.0, gt=0, description="Longest wait between attempts.")
    upstream_connections: int = Field(default=256, ge=1, description="Most connections to one upstream.")
    readiness_cache_seconds: float = Field(
        default=1.0, ge=0, description="How long an upstream's readiness is remembered."
    )
    readiness_timeout_seconds: float = Field(default=2.0, gt=0, description="Longest wait for an upstream's /readyz.")
    ready_without: list[Literal["writing_rm", "verifier"]] = Field(
        default_factory=list,
        description="Upstreams whose absence leaves the aggregator ready (JSON list): those that scale from zero, since only the "
        "attempts to reach them wake them. Until they are up, their samples are unavailable.",
    )
    strip_suffixes: list[str] = Field(
        default=["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "</s>"],
        description="/get_reward only: special tokens cut off the end of a response (JSON list).",
    )

    @field_validator("writing_rm_url", "verifier_url", "shadow_writing_rm_url")
    @classmethod
    def _base_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is not a base URL: write http://host:port")
        return url.rstrip("/")

    @field_validator("strategy")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in installed():
            raise ValueError(f"unknown strategy {name!r}; known: {', '.join(installed())}")
        return name

    @model_validator(mode="after")
    def _consistent(self) -> "AggregatorSettings":
        self.filter()
        return self

    def filter(self) -> GroupFilter:
        return GroupFilter(
            all_high=self.all_high,
            all_low=self.all_low,
            drop_all_violate=self.drop_all_violate,
            min_valid=self.min_valid,
            min_valid_share=self.min_valid_share,
        )

    def bound(self, name: str, given: Mapping[str, Any]) -> BoundStrategy:
        """The strategy with its parameters: those given, the rest as set here. Errors as in Registry.bind."""
        return installed().bind({**self._parameters.get(name, {}), **given, "name": name})

    def filter_with(self, spec: FilterSpec | None) -> GroupFilter:
        """The filter with what a request changes of it. Raises pydantic.ValidationError."""
        if spec is None:
            return self.filter()
        return GroupFilter.model_validate({**self.filter().model_dump(), **spec.model_dump(exclude_unset=True)})

    def deadline(self, chars: int) -> float:
        """Seconds for one upstream call over `chars` characters."""
        grown = self.timeout_seconds + self.timeout_seconds_per_1000_chars * chars / 1000
        return min(grown, self.timeout_max_seconds)

    def bearer(self) -> str | None:
        key = self.upstream_api_key or self.api_key
        return key.get_secret_value() if key else None
