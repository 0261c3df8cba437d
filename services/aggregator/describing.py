"""The strategies as others read them, each from its one declaration: /v1/info, the OpenAPI description, the README's tables.

`python -m services.aggregator.describing` writes the tables into the README of this folder.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from services.aggregator.mixing import STRATEGIES, Registry, Strategy
from services.aggregator.parameters import variable

README = Path(__file__).with_name("README.md")


def parameter_schemas(strategy: Strategy) -> dict[str, dict[str, Any]]:
    """JSON schema of each parameter: type or enum, default, minimum and maximum, description."""
    properties = strategy.params.model_json_schema()["properties"]
    return {name: {k: v for k, v in properties[name].items() if k != "title"} for name in strategy.parameters}


def info(strategies: Mapping[str, Strategy]) -> dict[str, Any]:
    """For GET /v1/info."""
    return {
        name: {
            "summary": s.summary,
            "params": {p: {**schema, "variable": variable(p)} for p, schema in parameter_schemas(s).items()},
            "needs_writing": s.needs_writing,
            "needs_verdict": s.needs_verdict,
            "needs_details": s.needs_details,
            "per_sample": s.per_sample,
            "drops_all_violate": s.drops_all_violate,
            "ranks_all_violate": s.ranks_all_violate,
            "keeps_violators_below_mean": s.keeps_violators_below_mean,
        }
        for name, s in strategies.items()
    }


def describe_in_openapi(app: FastAPI, strategies: Registry) -> None:
    """Replaces the wire's StrategySpec (a name and anything) by the strategies that this service has."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schemas = generate()["components"]["schemas"]
            union = strategies.params.json_schema(ref_template="#/components/schemas/{model}")
            for schema in union["$defs"].values():
                tag = schema.get("properties", {}).get("name", {})
                if tag.get("const") in strategies:
                    tag["description"] = strategies[tag["const"]].summary
            schemas.update(union.pop("$defs"))
            schemas["StrategySpec"] = {
                "title": "StrategySpec",
                "description": "A mixing strategy and its parameters; those that are left out are the service's.",
                **union,
            }
        return app.openapi_schema or generate()

    app.openapi = openapi  # type: ignore[method-assign]


def strategies_table(strategies: Mapping[str, Strategy]) -> str:
    rows = [
        "| name | reward r'_i, source | asks | lone sample | keeps violators below the mean |",
        "|---|---|---|---|---|",
    ]
    for s in strategies.values():
        asks = " and ".join(
            word for word, needed in (("writing", s.needs_writing), ("verifier", s.needs_verdict)) if needed
        )
        below = "always" if s.keeps_violators_below_mean else "no promise"
        cells = [f"`{s.name}`", s.summary, asks, "yes" if s.per_sample else "no", below]
        rows.append(_row(cells))
    return "\n".join(rows)


def parameters_table(strategies: Mapping[str, Strategy]) -> str:
    rows = ["| strategy | parameter | variable | values | default | |", "|---|---|---|---|---|---|"]
    for s in strategies.values():
        for name, schema in parameter_schemas(s).items():
            default = f"{schema['default']}"
            rows.append(
                _row([f"`{s.name}`", f"`{name}`", variable(name), _values(schema), default, schema["description"]])
            )
    return "\n".join(rows)


def _values(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    bounds = [f"{sign} {schema[key]:g}".replace("e+0", "e") for key, sign in _BOUNDS.items() if key in schema]
    return " ".join([str(schema.get("type", "JSON")), ", ".join(bounds)]).strip()


_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def with_tables(readme: str) -> str:
    """The README's text with both tables between their markers. Raises ValueError where a marker is missing."""
    for name, table in (("strategies", strategies_table(STRATEGIES)), ("parameters", parameters_table(STRATEGIES))):
        begin, end = f"<!-- {name}: written by services.aggregator.describing -->\n", f"\n<!-- end of {name} -->"
        before, rest = _split(readme, begin)
        _, after = _split(rest, end)
        readme = f"{before}{begin}{table}{end}{after}"
    return readme


def _split(text: str, marker: str) -> tuple[str, str]:
    before, found, after = text.partition(marker)
    if not found:
        raise ValueError(f"{README.name} lacks the marker {marker.strip()!r}")
    return before, after


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))
