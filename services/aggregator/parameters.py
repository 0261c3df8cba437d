"""The parameters of strategies as settings: environment variable RLMR_AGGREGATOR_<PARAMETER> for each that a strategy declares."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError, create_model
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from services import PluginError
from services.aggregator.mixing import Strategy

ENV_PREFIX = "RLMR_AGGREGATOR_"


class _FromEnvironment(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="ignore", allow_inf_nan=False)


def variable(parameter: str) -> str:
    return f"{ENV_PREFIX}{parameter}".upper()


def read_parameters(
    strategies: Mapping[str, Strategy], given: Mapping[str, Any], taken: Collection[str]
) -> dict[str, dict[str, Any]]:
    """By strategy: those of its parameters that `given` or the environment sets. One variable sets the parameter of every strategy
    that has one of this name. Raises pydantic.ValidationError at the parameter for a value that one of them refuses, and
    PluginError for a parameter named like one of the `taken` settings."""
    fields: dict[str, Any] = {}
    for strategy in strategies.values():
        for name, declared in strategy.parameters.items():
            if name in taken:
                raise PluginError(
                    f"strategy {strategy.name}: its parameter {name} would be read from {variable(name)}, which is a setting of the "
                    f"service: rename the parameter, or uninstall the package that brings the strategy"
                )
            # Type and limits are the declaration's; unset (None) leaves the default to it, too.
            kind: Any = Annotated[declared.annotation, *declared.metadata] if declared.metadata else declared.annotation
            fields.setdefault(name, (kind | None, Field(default=None)))
    model = create_model("StrategyParameters", __base__=_FromEnvironment, **fields)
    values = model(**{name: value for name, value in given.items() if name in fields})
    found = {name: value for name, value in values.model_dump().items() if value is not None}
    by_strategy = {s.name: {p: found[p] for p in s.parameters if p in found} for s in strategies.values()}
    for name, own in by_strategy.items():
        _check(strategies[name], own)
    return by_strategy


def _check(strategy: Strategy, own: Mapping[str, Any]) -> None:
    """A variable that two strategies share has the type and limits of the first: the others check it here."""
    try:
        strategy.params.model_validate({"name": strategy.name, **own})
    except ValidationError as exc:
        details = [
            InitErrorDetails(
                type=PydanticCustomError(
                    "parameter", "{why} (strategy {strategy})", {"why": e["msg"], "strategy": strategy.name}
                ),
                loc=e["loc"],
                input=None,
            )
            for e in exc.errors(include_input=False, include_url=False)
        ]
        raise ValidationError.from_exception_data("StrategyParameters", details) from None
