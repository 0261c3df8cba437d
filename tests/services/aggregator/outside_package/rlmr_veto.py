"""veto: a violator gets a fixed low reward, whatever its writing."""

from typing import Literal

from pydantic import Field

from services.aggregator.mixing import Mixed, Params, Samples, strategy


class VetoParams(Params):
    name: Literal["veto"]
    floor: float = Field(default=-3.0, le=0, description="Reward of a violator, in standard deviations.")


@strategy(VetoParams, needs_writing=True, needs_verdict=True, per_sample=True)
def veto(samples: Samples, params: VetoParams) -> Mixed:
    """r'_i = floor if v_i else r_i. An example of docs/plugins.md."""
    return Mixed([params.floor if v else float(r) for r, v in zip(samples.writing, samples.violated, strict=True)])
