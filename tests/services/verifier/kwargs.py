"""Random kwargs for every checker, drawn from the schema that it publishes."""

from typing import Any

from hypothesis import strategies as st

from services.verifier.constraints import registry
from tests.services.verifier.examples import example

_WORDS = st.sampled_from(
    [
        "sea",
        "The",
        "a",
        "one.",
        "P.S.",
        "P.P.S",
        "海",
        "*",
        "(",
        "[x]",
        "é",
        "\\d",
        "...",
        "yes/no",
        "a or b",
        "İ",
        "🎈",
    ]
)
_TEXTS = st.one_of(_WORDS, st.text(min_size=1, max_size=12))


def kwargs(id: str) -> st.SearchStrategy[dict[str, Any]]:
    """Most are valid, and some break what a schema cannot say (min above max, blank words)."""
    schema = registry[id].kwargs.model_json_schema()
    fields = {name: _values(property, schema) for name, property in schema.get("properties", {}).items()}
    required = {name: fields.pop(name) for name in schema.get("required", [])}
    return st.one_of(st.just(example(id)), st.fixed_dictionaries(required, optional=fields))


def _values(schema: dict[str, Any], whole: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _values(whole["$defs"][schema["$ref"].rsplit("/", 1)[1]], whole)
    if "anyOf" in schema:
        return st.one_of(*(_values(option, whole) for option in schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    low = max(schema.get("minimum", 0), schema.get("exclusiveMinimum", 0))
    match schema["type"]:
        case "integer":
            return st.integers(low, min(schema.get("maximum", 12), 12))
        case "number":
            return st.floats(low, schema.get("maximum", 100), allow_nan=False)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "array":
            return st.lists(_values(schema["items"], whole), min_size=schema.get("minItems", 0), max_size=4)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True).map(lambda s: s[: schema.get("maxLength", 100)])
    return _TEXTS.map(lambda s: s[: schema.get("maxLength", 1000)])
