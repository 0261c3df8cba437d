"""Settings every service has. A service subclasses this with its own env prefix; every knob is an environment variable."""

import sys
from typing import Any, Self

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_KEY_NAME = r"^[A-Za-z0-9._-]{1,320}$"


class ServiceSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="RLMR_", extra="ignore", populate_by_name=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 inside a container.")
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("api_key", "RLMR_API_KEY"),
        description="Bearer key that callers must send; unset = no authentication (warned about at start).",
    )
    api_key_name: str = Field(
        default="first",
        pattern=_KEY_NAME,
        validation_alias=AliasChoices("api_key_name", "RLMR_API_KEY_NAME"),
        description="What logs and metrics call the key.",
    )
    api_key_2: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("api_key_2", "RLMR_API_KEY_2"),
        description="A second key that callers may send as well: the next one, or the last one, while keys are changed.",
    )
    api_key_2_name: str = Field(
        default="second",
        pattern=_KEY_NAME,
        validation_alias=AliasChoices("api_key_2_name", "RLMR_API_KEY_2_NAME"),
        description="What logs and metrics call the second key.",
    )
    max_body_bytes: int = Field(default=16 * 2**20, ge=1024, description="Largest request body, in bytes; more is 413.")
    max_json_values: int = Field(
        default=32_768,
        ge=1024,
        description="Most JSON values in one body, with 16 bytes of blanks or digits outside strings as one; more is 422. A value costs up to 1 KB of memory.",
    )
    max_samples: int = Field(default=1024, ge=1, description="Most samples (responses) in one request; more is 422.")
    max_chars: int = Field(
        default=200_000, ge=1, description="Longest prompt or response, in characters; longer is too_long."
    )
    max_concurrency: int = Field(
        default=1024, ge=1, description="Most requests worked on at once; more is 429 with Retry-After, at once."
    )
    reconnect_every: int = Field(
        default=500,
        ge=0,
        description="Callers are asked to reconnect (`Connection: close`) after about this many requests on average, so that new "
        "replicas get their share behind a load balancer that only sees connections; 0 = never.",
    )
    drain_seconds: float = Field(
        default=0.0,
        ge=0,
        description="After SIGTERM: keep answering this long while /readyz says no, then finish what is in flight.",
    )
    shutdown_seconds: float = Field(
        default=60.0, gt=0, description="Longest wait for requests in flight at shutdown, in seconds."
    )
    log_level: str = Field(default="info", description="debug, info, warning or error.")
    log_format: str = Field(
        default="json", pattern="^(json|console)$", description="json (one object a line) or console."
    )

    @field_validator("api_key", "api_key_2")
    @classmethod
    def _empty_is_unset(cls, key: SecretStr | None) -> SecretStr | None:
        """An empty variable (a chart's unset secret) means no key, not a key that nobody can send."""
        return key if key and key.get_secret_value() else None

    @model_validator(mode="after")
    def _keys_are_told_apart(self) -> Self:
        if self.api_key_2 is not None and self.api_key is None:
            raise ValueError(
                "RLMR_API_KEY_2 is set and RLMR_API_KEY is not: set RLMR_API_KEY, the key sent to other services"
            )
        if self.api_key_2 is not None and self.api_key_name == self.api_key_2_name:
            raise ValueError("RLMR_API_KEY_NAME and RLMR_API_KEY_2_NAME are the same: give each key its own")
        return self

    def keys(self) -> dict[str, bytes]:
        """The keys that callers may send, by name; empty = no authentication."""
        named = {self.api_key_name: self.api_key, self.api_key_2_name: self.api_key_2}
        return {name: key.get_secret_value().encode() for name, key in named.items() if key is not None}

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Settings from the environment for a program's start: a mistake ends it with exit code 2 and one line per variable."""
        try:
            return cls(**overrides)
        except ValidationError as exc:
            prefix = cls.model_config.get("env_prefix", "")
            for error in exc.errors(include_input=False, include_url=False):
                name = f"{prefix}{'_'.join(map(str, error['loc']))}".upper() if error["loc"] else "settings"
                print(f"{name}: {error['msg']}", file=sys.stderr)
            raise SystemExit(2) from None
