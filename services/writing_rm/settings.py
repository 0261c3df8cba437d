"""Every knob of the writing reward model service: environment variables RLMR_WRITING_RM_<FIELD>, plus those every service has."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from services.serving import ServiceSettings

EngineKind = Literal["torch", "sglang", "vllm"]


class WritingRmSettings(ServiceSettings):
    model_config = SettingsConfigDict(
        env_prefix="RLMR_WRITING_RM_", extra="ignore", populate_by_name=True, protected_namespaces=()
    )

    port: int = Field(default=8001, ge=0, le=65535, description="TCP port; 0 takes a free one.")

    model_dir: Path = Field(
        description="Directory made by `rlmr rm export`. With an HTTP engine the weights may be absent."
    )
    model_source: str = Field(
        default="", description="Where model_dir came from, such as ORGANISATION/MODEL@COMMIT; shown in /v1/info."
    )
    verify_files: bool = Field(
        default=True, description="Compare every file with the manifest's hash at start (reads all weights once)."
    )
    engine: EngineKind = Field(default="torch", description="torch: in this process. sglang, vllm: over HTTP.")
    golden_tolerance: float | None = Field(
        default=None,
        gt=0,
        description="Largest deviation from a golden score, in standard deviations; unset = 0.001 for torch at float32, else 0.01.",
    )

    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="torch: auto (CUDA if there is one), cpu, cuda, cuda:N.",
    )
    dtype: str = Field(
        default="float32", description="torch: float32, or bfloat16 (faster, scores move; see the docs)."
    )
    torch_threads: int | None = Field(
        default=None, ge=1, description="torch on a CPU: threads; unset = OMP_NUM_THREADS, else usable cores."
    )
    share_prefixes: bool = Field(default=True, description="torch: compute the prompt of sibling responses once.")

    engine_urls: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="sglang, vllm: base URLs, comma separated."
    )
    engine_api_key: SecretStr | None = Field(default=None, description="sglang, vllm: bearer key of the engines.")
    engine_concurrency: int = Field(default=8, ge=1, description="sglang, vllm: groups in flight at one engine.")
    engine_timeout_seconds: float = Field(default=60.0, gt=0, description="sglang, vllm: longest wait for one call.")
    engine_retries: int = Field(
        default=2, ge=0, description="sglang, vllm: further attempts, each at another engine if there is one."
    )
    engine_check_seconds: float = Field(default=2.0, gt=0, description="sglang, vllm: time between health checks.")
    golden_check_seconds: float = Field(
        default=60.0, gt=0, description="sglang, vllm: time between golden checks of an engine in use."
    )

    max_tokens: int | None = Field(
        default=None, ge=2, description="Longest text in tokens; unset = the manifest's. Longer is too_long, never cut."
    )
    max_batch_tokens: int | None = Field(
        default=None,
        ge=16,
        description="Tokens of one forward pass (torch) or one call (HTTP); unset = 4096 on a CPU, else 16384.",
    )
    queue_tokens: int = Field(
        default=262_144,
        ge=1,
        description="Tokens that may wait; a request that does not fit gets 429 with Retry-After.",
    )
    timeout_seconds: float = Field(
        default=150.0, gt=0, description="A sample without a score by then is status timeout; below OpenRLHF's 180 s."
    )
    engine_grace_seconds: float = Field(
        default=5.0,
        ge=0,
        description="Texts are still queued for an engine that has been away for at most this long; later ones get 503 at once.",
    )
    cache_bytes: int = Field(default=64 * 2**20, ge=0, description="Memory for remembered scores; 0 = no cache.")

    @field_validator("engine_urls", mode="before")
    @classmethod
    def _split_urls(cls, value: object) -> object:
        return [url.strip() for url in value.split(",") if url.strip()] if isinstance(value, str) else value

    @field_validator("engine_urls")
    @classmethod
    def _base_urls(cls, urls: list[str]) -> list[str]:
        for url in urls:
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"{url!r} is not a base URL: write http://host:port")
        return [url.rstrip("/") for url in urls]

    @field_validator("dtype")
    @classmethod
    def _exact_dtype(cls, dtype: str) -> str:
        if "int8" in dtype or "fp8" in dtype:
            raise ValueError(
                f"{dtype} is refused: dynamic quantisation makes a score depend on its batch mates (0.49 standard deviations "
                "measured); use float32 or bfloat16"
            )
        if dtype not in ("float32", "bfloat16"):
            raise ValueError(f"{dtype!r} is not offered: float32 or bfloat16")
        return dtype

    @model_validator(mode="after")
    def _engine_has_urls(self) -> "WritingRmSettings":
        if self.engine != "torch" and not self.engine_urls:
            raise ValueError(f"engine {self.engine} needs RLMR_WRITING_RM_ENGINE_URLS=http://127.0.0.1:30000")
        if self.engine == "torch" and self.engine_urls:
            raise ValueError("engine_urls is set but engine is torch: set RLMR_WRITING_RM_ENGINE=sglang or vllm")
        return self

    def tolerance(self) -> float:
        """Golden tolerance in force, in standard deviations."""
        exact = self.engine == "torch" and self.dtype == "float32"
        return self.golden_tolerance or (1e-3 if exact else 1e-2)
