"""The strategies by name. To add one: a file beside this one with its parameters and function, an entry here, a test."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.aggregator.mixing.corpo import CorpoParams, corpo
from services.aggregator.mixing.linear import LinearParams, linear
from services.aggregator.mixing.mean_advantage import MeanAdvantageParams, mean_advantage
from services.aggregator.mixing.product import ProductParams, product
from services.aggregator.mixing.quality_only import QualityOnlyParams, quality_only
from services.aggregator.mixing.rlmr import RlmrParams, rlmr
from services.aggregator.mixing.samples import Mixed, Params, Samples
from services.aggregator.mixing.threshold_gate import ThresholdGateParams, threshold_gate
from services.aggregator.mixing.verify_only import VerifyOnlyParams, verify_only


@dataclass(frozen=True, slots=True)
class Strategy:
    params: type[Params]
    mix: Callable[[Samples, Any], Mixed]
    needs_writing: bool
    """Asks the writing reward model; a sample without a writing reward is invalid."""
    needs_verdict: bool
    """Asks the verifier; a sample without a verdict is invalid."""
    per_sample: bool
    """A sample's reward does not depend on its siblings, so that a lone sample can be rewarded (/get_reward)."""
    needs_details: bool = False
    """Uses the verdict of each constraint; a sample in which one is missing is invalid, even if it certainly failed."""
    drops_all_violate: bool = False
    """Undefined when every sample violates: such a group is dropped whatever the settings say."""


STRATEGIES: Mapping[str, Strategy] = {
    "quality_only": Strategy(QualityOnlyParams, quality_only, True, False, per_sample=True),
    "verify_only": Strategy(VerifyOnlyParams, verify_only, False, True, per_sample=True),
    "linear": Strategy(LinearParams, linear, True, True, per_sample=True),
    "product": Strategy(ProductParams, product, False, True, per_sample=True, needs_details=True),
    "threshold_gate": Strategy(ThresholdGateParams, threshold_gate, True, True, per_sample=True),
    "mean_advantage": Strategy(MeanAdvantageParams, mean_advantage, True, True, per_sample=False),
    "corpo": Strategy(CorpoParams, corpo, True, True, per_sample=False),
    "rlmr": Strategy(RlmrParams, rlmr, True, True, per_sample=False, drops_all_violate=True),
}


@dataclass(frozen=True, slots=True)
class BoundStrategy:
    """A strategy with its parameters: call it with samples."""

    name: str
    strategy: Strategy
    params: Params

    def __call__(self, samples: Samples) -> Mixed:
        return self.strategy.mix(samples, self.params)


def bind(name: str, params: Mapping[str, Any]) -> BoundStrategy:
    """Raises KeyError for an unknown name and pydantic.ValidationError for unknown or wrong parameters."""
    strategy = STRATEGIES[name]
    return BoundStrategy(name, strategy, strategy.params.model_validate(dict(params)))
