"""The judge's prompts: files by language, ours or those of a folder (JUDGE_PROMPTS), filled in by one pass, with a version hash.

The order of a prompt is that of its file. In ours the requirement comes last: an engine's prefix cache then serves all calls about
one response from one prefill of task and response, and the samples of one prompt share the instructions and the task.
"""

import hashlib
import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

FIELDS: dict[str, frozenset[str]] = {
    "instructions": frozenset(),
    "verdict_system": frozenset({"instructions"}),
    "verdict_user": frozenset({"prompt", "key", "response", "constraint"}),
    "verdict_conditional_user": frozenset({"prompt", "key", "response", "constraint"}),
    "yes_no_system": frozenset({"instructions"}),
    "yes_no_user": frozenset({"prompt", "key", "response", "constraint"}),
    "paper_system": frozenset({"instructions"}),
    "paper_user": frozenset({"prompt", "key", "response", "constraints"}),
    "whole_task": frozenset(),
    "split_system": frozenset({"rules"}),
    "split_user": frozenset({"prompt", "key"}),
}
"""Every file by name, with the fields that it may have."""

CONSTRAINT_FIRST = Path(__file__).with_name("prompts") / "constraint_first"
"""Our prompts with the requirement before the response: to compare with."""

FORM = "form.json"
_MUST_HAVE = {"verdict_user", "verdict_conditional_user", "yes_no_user", "paper_user", "split_user"}
"""Without one of its fields such a prompt would ask about nothing."""
_FIELD = re.compile(r"\{\{([a-z]+)\}\}")
_RENDERING = "3"
"""Raised when prompting.py shows the same text otherwise, or prompts are filled in otherwise."""


class PromptError(ValueError):
    """A folder of prompts cannot be used. The message names the file and the remedy."""


class Prompts:
    """Templates by language and name."""

    def __init__(self, templates: dict[tuple[str, str], str]) -> None:
        self._templates = templates
        content = "\0".join([_RENDERING, *(f"{key}\0{text}" for key, text in sorted(templates.items()))])
        self.version = hashlib.sha256(content.encode()).hexdigest()[:12]
        """Short hash over every file and how it is filled in."""

    def fill(self, language: Language, name: str, **fields: str) -> str:
        """The template with its fields. One pass: what a field's text contains is never itself replaced."""
        if "instructions" in FIELDS[name]:
            fields["instructions"] = self._templates[language, "instructions"].strip()
        return _FIELD.sub(lambda match: fields[match.group(1)], self._templates[language, name]).strip()


@cache
def own_prompts() -> Prompts:
    folder = resources.files("services.verifier.judge") / "prompts"
    return Prompts(
        {(lang, n): (folder / lang / f"{n}.txt").read_text(encoding="utf-8") for lang in LANGUAGES for n in FIELDS}
    )


def prompts_of(folder: Path | None) -> Prompts:
    """Ours, with the files of `folder` (en/verdict_user.txt, or en.verdict_user.txt, and so on) in place of ours. Raises PromptError."""
    if folder is None:
        return own_prompts()
    if not folder.is_dir():
        raise PromptError(f"{folder}: no such folder")
    given = {path: path.relative_to(folder) for path in sorted(folder.rglob("*.txt"))}
    # A mounted ConfigMap has no folders, and its files a second time under hidden names.
    given = {path: name for path, name in given.items() if not any(part.startswith(".") for part in name.parts)}
    if not given and not (folder / FORM).is_file():
        raise PromptError(f"{folder}: neither a prompt (en/verdict_user.txt, ...) nor {FORM} in it")
    templates = dict(own_prompts()._templates)
    for path, relative in given.items():
        key = (relative.parent.as_posix(), relative.stem)
        if key[0] == "." and "." in key[1]:
            key = (key[1].partition(".")[0], key[1].partition(".")[2])
        if key not in templates:
            known = ", ".join(f"{n}.txt" for n in FIELDS)
            raise PromptError(f"{path}: not a prompt; known are, in {' and '.join(LANGUAGES)}: {known}")
        templates[key] = _checked(path, key[1])
    return Prompts(templates)


def _checked(path: Path, name: str) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise PromptError(f"{path}: {exc}") from None
    used = set(_FIELD.findall(text))
    if unknown := used - FIELDS[name]:
        raise PromptError(
            f"{path}: unknown field {{{{{min(unknown)}}}}}; known: {', '.join(sorted(FIELDS[name])) or 'none'}"
        )
    if name in _MUST_HAVE and (missing := FIELDS[name] - used):
        raise PromptError(f"{path}: without the field {{{{{min(missing)}}}}}")
    return text
