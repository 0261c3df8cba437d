"""The judge's prompts: files beside this one, filled in by one pass, with a version hash.

Order: what all calls share comes first, then what the samples of one prompt share (task, requirement), and the response last, so
that an engine's prefix cache serves the n samples of a prompt from one prefill.
"""

import hashlib
import re
from functools import cache
from importlib import resources

from rlmr.wire.base import Prompt

_FIELD = re.compile(r"\{\{([a-z]+)\}\}")

# Strings that chat templates and tokenizers give a meaning to. In data they are broken up by a space.
_SPECIAL = re.compile(
    r"<[|｜][^<>|｜\n]{0,64}[|｜]>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS)\]|<</?SYS>>"
    r"|</?(?:s|bos|eos|pad|unk|mask|start_of_turn|end_of_turn|think|tool_call|tool_response|im_start|im_end)>",
    re.IGNORECASE,
)


@cache
def template(name: str) -> str:
    return (resources.files("services.verifier.judge") / "prompts" / f"{name}.txt").read_text(encoding="utf-8")


@cache
def version() -> str:
    """Short hash over every prompt file: it is part of the judge's identity and of every cached verdict's key."""
    folder = resources.files("services.verifier.judge") / "prompts"
    files = sorted((e for e in folder.iterdir() if e.name.endswith(".txt")), key=lambda e: e.name)
    content = "\0".join(f"{e.name}\0{e.read_text(encoding='utf-8')}" for e in files)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def fill(name: str, **fields: str) -> str:
    """The template with its fields. One pass: what a field's text contains is never itself replaced."""
    return _FIELD.sub(lambda match: fields[match.group(1)], template(name)).strip()


def as_data(text: str) -> str:
    """Text that no template or tokenizer takes for control: special tokens are broken up, lone surrogates made visible."""
    text = text.encode("utf-8", "backslashreplace").decode() if not _encodable(text) else text
    return _SPECIAL.sub(lambda match: f"{match.group()[0]} {match.group()[1:]}", text)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def conversation(prompt: Prompt) -> str:
    return prompt if isinstance(prompt, str) else "\n\n".join(message.content for message in prompt)


def delimiter(*parts: str) -> str:
    """The line round a response. It depends on everything in the call, so that equal calls are equal and a text that holds its
    own delimiter cannot be written: it would have to contain its own hash."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"=====[{digest[:24]}]====="
