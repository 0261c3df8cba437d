"""The strategies by name. To add one: a file beside this one, an entry in BUILT_IN, a test."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union

from pydantic import Field, TypeAdapter

from services.aggregator.mixing.conditioned import conditioned
from services.aggregator.mixing.corpo import corpo
from services.aggregator.mixing.corrgrpo import corrgrpo
from services.aggregator.mixing.declaration import Params, Strategy
from services.aggregator.mixing.gd2po import gd2po
from services.aggregator.mixing.gdpo import gdpo
from services.aggregator.mixing.lagrangian import lagrangian
from services.aggregator.mixing.linear import linear
from services.aggregator.mixing.mean_advantage import mean_advantage
from services.aggregator.mixing.product import product
from services.aggregator.mixing.quality_only import quality_only
from services.aggregator.mixing.rdpo import rdpo
from services.aggregator.mixing.rlmr import rlmr
from services.aggregator.mixing.rlmr_decoupled import rlmr_decoupled
from services.aggregator.mixing.rlmr_diverse import rlmr_diverse
from services.aggregator.mixing.rlmr_graded import rlmr_graded
from services.aggregator.mixing.rlmr_partial import rlmr_partial
from services.aggregator.mixing.samples import Mixed, Samples
from services.aggregator.mixing.threshold_gate import threshold_gate
from services.aggregator.mixing.verify_only import verify_only

BUILT_IN = (
    quality_only,
    verify_only,
    linear,
    product,
    threshold_gate,
    mean_advantage,
    corpo,
    rlmr,
    rlmr_decoupled,
    rlmr_diverse,
    rlmr_partial,
    rlmr_graded,
    # of other papers on several rewards
    gdpo,
    conditioned,
    gd2po,
    corrgrpo,
    rdpo,
    lagrangian,
)


@dataclass(frozen=True, slots=True)
class BoundStrategy:
    """A strategy with its parameters: call it with samples."""

    strategy: Strategy
    params: Params

    @property
    def name(self) -> str:
        return self.strategy.name

    def __call__(self, samples: Samples) -> Mixed:
        """Raises MixingError where there is no reward, and RuntimeError for a strategy that does not give one finite reward per
        sample (one from outside: a bug must not become a reward)."""
        mixed = self.strategy.mix(samples, self.params)
        if len(mixed.rewards) != samples.n or not all(map(math.isfinite, mixed.rewards)):
            raise RuntimeError(f"strategy {self.name} gave {mixed.rewards} for {samples.n} samples")
        return mixed


class Registry(Mapping[str, Strategy]):
    """Strategies by name, and the union of their parameters, told apart by `name`. Raises ValueError for a name given twice."""

    def __init__(self, strategies: Iterable[Strategy]) -> None:
        self._by_name: dict[str, Strategy] = {}
        for strategy in strategies:
            if strategy.name in self._by_name:
                raise ValueError(f"two strategies are named {strategy.name}")
            self._by_name[strategy.name] = strategy
        union: Any = Union[tuple(s.params for s in self._by_name.values())]  # noqa: UP007 - made of a tuple
        self.params: TypeAdapter[Any] = TypeAdapter(Annotated[union, Field(discriminator="name")])

    def __getitem__(self, name: str) -> Strategy:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def bind(self, spec: Mapping[str, Any]) -> BoundStrategy:
        """`{"name": ..., parameters}`. Raises pydantic.ValidationError: of type union_tag_invalid for an unknown name, else with
        (name, parameter) as location."""
        params = self.params.validate_python(dict(spec))
        return BoundStrategy(self._by_name[params.name], params)


STRATEGIES = Registry(BUILT_IN)
"""Those of this repository. What a service knows is services.aggregator.strategies.installed()."""


def bind(name: str, params: Mapping[str, Any]) -> BoundStrategy:
    """One of STRATEGIES; errors as in Registry.bind."""
    return STRATEGIES.bind({"name": name, **params})
