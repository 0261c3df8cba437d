"""What a strategy is: its parameters, its function and what it needs, declared once in the strategy's own file.

Settings, wire, errors, /v1/info, OpenAPI and the tables of the README follow from this declaration.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from services.aggregator.mixing.samples import Mixed, Samples


class Params(BaseModel):
    """Base of a strategy's parameters: `name: Literal["<strategy>"]` and one described field with a default for each parameter.
    An unknown parameter is an error that names it, and NaN or infinity is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True)
class Strategy:
    """Made by `@strategy`."""

    name: str
    params: type[Params]
    mix: Callable[[Samples, Any], Mixed]
    needs_writing: bool
    """Asks the writing reward model; a sample without a writing reward is invalid."""
    needs_verdict: bool
    """Asks the verifier; a sample without a verdict is invalid."""
    per_sample: bool
    """A sample's reward does not depend on its siblings, so that a lone sample can be rewarded (/get_reward)."""
    needs_likeness: bool = False
    """Uses how alike the texts of the group are (likeness.py)."""
    needs_details: bool = False
    """Uses the verdict of each constraint; a sample in which one is missing is invalid, even if it certainly failed."""
    drops_all_violate: bool = False
    """Undefined when every sample violates: such a group is dropped whatever the settings say."""
    ranks_all_violate: bool = False
    """Ranks the samples of a group in which every one violates: such a group is kept whatever the settings say, unless the
    strategy finds nothing to tell them apart by (it raises AllViolate)."""
    keeps_violators_below_mean: bool = False
    """Promises that in every kept group each violator ends below the group mean, so that its advantage is negative. The trainer
    then refuses flags that would break the promise."""
    price: str | None = None
    """The parameter that is the price of a violation: what the trainer may move by the violation rate (trainer/grpo/lagrange.py)."""

    @property
    def summary(self) -> str:
        """The equation and its source: the first paragraph of the function's docstring, as one line."""
        return " ".join((self.mix.__doc__ or "").strip().split("\n\n")[0].split())

    @property
    def parameters(self) -> dict[str, FieldInfo]:
        """Declarations by parameter name."""
        return {name: field for name, field in self.params.model_fields.items() if name != "name"}


def strategy(
    params: type[P],
    *,
    needs_writing: bool,
    needs_verdict: bool,
    per_sample: bool,
    needs_likeness: bool = False,
    needs_details: bool = False,
    drops_all_violate: bool = False,
    ranks_all_violate: bool = False,
    keeps_violators_below_mean: bool = False,
    price: str | None = None,
) -> Callable[[Callable[[Samples, P], Mixed]], Strategy]:
    """Makes a pure function `(samples, params) -> Mixed` a Strategy; its fields tell what the flags mean. The docstring's first
    paragraph must be the equation with its source. Raises TypeError for a declaration that the service could not work with."""

    def declare(mix: Callable[[Samples, P], Mixed]) -> Strategy:
        declared = Strategy(
            name=_name_of(params),
            params=params,
            mix=mix,
            needs_writing=needs_writing,
            needs_verdict=needs_verdict,
            per_sample=per_sample,
            needs_likeness=needs_likeness,
            needs_details=needs_details,
            drops_all_violate=drops_all_violate,
            ranks_all_violate=ranks_all_violate,
            keeps_violators_below_mean=keeps_violators_below_mean,
            price=price,
        )
        if not declared.summary:
            raise TypeError(f"strategy {declared.name}: its function needs a docstring that begins with the equation")
        if drops_all_violate and ranks_all_violate:
            raise TypeError(f"strategy {declared.name}: a group of violators only is either dropped or ranked")
        if price is not None and price not in declared.parameters:
            raise TypeError(f"strategy {declared.name}: its price {price} is none of its parameters")
        for name, field in declared.parameters.items():
            if field.is_required() or not field.description:
                raise TypeError(f"strategy {declared.name}: parameter {name} needs a default and a description")
        return declared

    return declare


def _name_of(params: type[Params]) -> str:
    field = params.model_fields.get("name")
    values = get_args(field.annotation) if field and get_origin(field.annotation) is Literal else ()
    if len(values) != 1 or not re.fullmatch(r"[a-z][a-z0-9_]*", str(values[0])):
        raise TypeError(f'{params.__name__} needs a field `name: Literal["..."]`: one name of a-z, 0-9 and _')
    return str(values[0])
