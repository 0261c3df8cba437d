"""Settings of the verifier, each an environment variable RLMR_VERIFIER_<NAME> (the key: RLMR_API_KEY)."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from rlmr.serving import ServiceSettings


class VerifierSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="RLMR_VERIFIER_", extra="ignore", populate_by_name=True)

    port: int = Field(default=8002, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    max_constraints: int = Field(
        default=64, ge=1, description="Most constraints of one sample; a sample with more is invalid_input."
    )
    max_pending_samples: int = Field(
        default=8192, ge=1, description="Most samples accepted and not yet answered; beyond it requests get 429."
    )
    slice_seconds: float = Field(
        default=0.01, gt=0, description="Longest work on one request before other requests get a turn, in seconds."
    )
