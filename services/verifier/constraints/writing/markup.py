"""markup: Markdown, JSON, YAML, XML."""

import json
import re
from typing import Annotated
from xml.parsers import expat

import yaml
from pydantic import Field

from services.verifier.constraints.registry import Kwargs, NoKwargs, Phrase, Verdict, checker
from services.verifier.constraints.writing.ranges import Range, said, within
from services.verifier.text import Text

_EMPHASIS = re.compile(
    r"\*\*[^\s*][^*\n]*\*\*|(?<![\w*])\*[^\s*](?:[^*\n]*[^\s*])?\*(?![\w*])|__[^\s_][^_\n]*__|(?<!\w)_[^\s_](?:[^_\n]*[^\s_])?_(?!\w)"
    r"|`[^`\n]+`|\[[^\[\]\n]+\]\([^()\n]+\)"
)
_FENCE = re.compile(r"```[A-Za-z]{0,10}[^\S\n]*\n")
# libyaml's time is quadratic in the nesting of brackets.
_MAX_DEPTH = 64


@checker(
    "markup:headings",
    Range,
    lambda kw: f"Use {said(kw)} Markdown headings.",
    summary="Markdown headings, with signs or underlined; what stands in code is none.",
    version=3,
)
def headings(text: Text, kw: Range) -> Verdict:
    return within(text.markdown.headings, kw, "headings")


@checker(
    "markup:list_items",
    Range,
    lambda kw: f"Use {said(kw)} list items, bulleted or numbered.",
    summary="Items of Markdown lists, and lines behind other bullets or numbers such as 1、 (1) ①; what stands in code is none.",
    version=5,
    unsure=True,
)
def list_items(text: Text, kw: Range) -> Verdict:
    return within(text.markdown.items + text.markdown.typed_items, kw, "list items")


@checker(
    "markup:no_markdown",
    NoKwargs,
    "Write plain text, without any Markdown.",
    summary="No heading, list, emphasis, code, link, quotation or table of Markdown.",
    version=3,
)
def no_markdown(text: Text, kw: NoKwargs) -> Verdict:
    found = text.markdown
    for name, present in (
        ("a heading", found.headings),
        ("a list", found.items),
        ("a table", found.tables),
        ("code", found.fences),
        ("a quotation", found.quotes),
    ):
        if present:
            return Verdict(False, f"Markdown found: {name}")
    emphasis = _EMPHASIS.search(text.plain)
    return Verdict(emphasis is None, f"Markdown found: {emphasis.group()[:40]!r}" if emphasis else "plain text")


@checker(
    "markup:table",
    NoKwargs,
    "Use a Markdown table.",
    summary="A Markdown table, with a row of dashes under its head; what stands in code is none.",
    version=3,
)
def table(text: Text, kw: NoKwargs) -> Verdict:
    found = text.markdown.tables
    return Verdict(found > 0, "a table found" if found else "no table")


def _unfenced(text: Text) -> str:
    """Without one code fence round the whole text."""
    value = text.plain.strip()
    fence = _FENCE.match(value)
    return value[fence.end() : -3].strip() if fence and value.endswith("```") else value


class Json(Kwargs):
    keys: Annotated[tuple[Phrase, ...], Field(max_length=200)] = ()


def _with_keys(kind: str, keys: tuple[str, ...]) -> str:
    return f"Answer with one {kind}" + (f" with the keys {', '.join(keys)}." if keys else ".")


def _missing(value: object, keys: tuple[str, ...], kind: str) -> Verdict:
    missing = [key for key in keys if not (isinstance(value, dict) and key in value)]
    return Verdict(not missing, f"missing keys: {', '.join(missing)[:200]}" if missing else f"valid {kind}")


@checker(
    "markup:json_object",
    Json,
    lambda kw: _with_keys("JSON object", kw.keys),
    summary="The whole text, one code fence aside, is a JSON object with at least these keys.",
    version=2,
)
def json_object(text: Text, kw: Json) -> Verdict:
    try:
        value = json.loads(_unfenced(text))
    except RecursionError:
        return Verdict(False, "JSON nested too deeply to be read")
    except ValueError as error:
        return Verdict(False, f"not JSON: {str(error)[:100]}")
    if not isinstance(value, dict):
        return Verdict(False, "JSON, but not an object")
    return _missing(value, kw.keys, "JSON object")


@checker(
    "markup:yaml_mapping",
    Json,
    lambda kw: _with_keys("YAML mapping", kw.keys),
    summary="The whole text, one code fence aside, is one YAML mapping with at least these keys at its top.",
    version=2,
)
def yaml_mapping(text: Text, kw: Json) -> Verdict:
    value = _unfenced(text)
    if _depth(value) > _MAX_DEPTH:
        return Verdict(False, "YAML nested too deeply to be read")
    try:
        found = _top_keys(value)
    except (yaml.YAMLError, UnicodeError) as error:
        return Verdict(False, f"not YAML: {' '.join(str(error).split())[:100]}")
    if found is None:
        return Verdict(False, "YAML, but not one mapping")
    return _missing(dict.fromkeys(found), kw.keys, "YAML mapping")


def _depth(value: str) -> int:
    depth = deepest = 0
    for char in value:
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}" and depth:
            depth -= 1
    return deepest


def _top_keys(value: str) -> list[str] | None:
    """Scalar keys of the only document's mapping; None where it is something else. Reads events: nothing is built, so no
    alias can blow up."""
    keys: list[str] = []
    depth, documents, is_key = 0, 0, True
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for event in yaml.parse(value, Loader=loader):
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        elif isinstance(event, yaml.NodeEvent):
            if depth == 0 and not isinstance(event, yaml.MappingStartEvent):
                return None
            if depth == 1:
                if is_key and isinstance(event, yaml.ScalarEvent):
                    keys.append(event.value)
                is_key = not is_key
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return keys if documents == 1 else None


class Xml(Kwargs):
    root: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.-]{0,99}$")] | None = None


@checker(
    "markup:xml",
    Xml,
    lambda kw: "Answer with one XML document" + (f" with the root <{kw.root}>." if kw.root else "."),
    summary="The whole text, one code fence aside, is well-formed XML; a document type is not allowed.",
    version=2,
)
def xml(text: Text, kw: Xml) -> Verdict:
    parser = expat.ParserCreate()
    roots: list[str] = []
    types: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if not roots:
            roots.append(name)

    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = lambda name, *rest: types.append(name)
    try:
        parser.Parse(_unfenced(text).encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        return Verdict(False, f"not well-formed XML: {str(error)[:100]}")
    if types:
        return Verdict(False, "a document type is not allowed")
    passed = kw.root is None or roots == [kw.root]
    return Verdict(passed, "well-formed XML" if passed else f"the root is <{roots[0][:60]}>, <{kw.root}> wanted")
