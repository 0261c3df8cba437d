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

# Strings that chat templates and tokenizers of the model families give a meaning to. In data a space follows their first character,
# which is all that a match takes, so that none hides in another.
_ANGLED = (
    r"s|bos|eos|pad|unk|mask|cls|sep|sop|eop|eoh|eoa|eot|eod|think|answer|tools?|tool_(?:calls?|responses?|sep)|arg_(?:key|value)"
    r"|im_(?:start|end)|(?:start|end)_of_\w{1,30}|\w{1,30}_(?:soft_)?token|fim_\w{1,20}|reponame|filename|file_sep|gh_stars"
    r"|(?:issue|jupyter|commit)_\w{1,20}|empty_output|special_\d+|unused_?\d+|reserved_\w{0,20}\d+|extra_id_\d+"
    r"|seed:\w{1,30}|mask:\d+|minimax:tool_call"
)
_SQUARE = (
    r"INST|SYSTEM_PROMPT|MODEL_SETTINGS|AVAILABLE_TOOLS|TOOL_(?:CALLS|RESULTS|CONTENT)|ARGS|CALL_ID|THINK|IMG(?:_BREAK|_END)?"
    r"|AUDIO|BEGIN_AUDIO|TRANSCRIBE|PREFIX|MIDDLE|SUFFIX|control_\d+|extra_id_\d+|multimodal|[gs]?MASK|BOS|EOS|EOT|PAD|UNK|CLS|SEP"
)
_SPECIAL = re.compile(
    rf"<(?=[|｜]|/?\w{{1,40}}[|｜]>|</?SYS>>|(?i:/?(?:{_ANGLED})>))"
    rf"|\[(?=/?(?:{_SQUARE})\]|\|[^\[\]|\n]{{1,40}}\|\]|e~\[)"
    r"|\](?=~!?b[\[\]])"
    r"|/(?=no_?think(?!ing))"
)


@cache
def template(name: str) -> str:
    return (resources.files("services.verifier.judge") / "prompts" / f"{name}.txt").read_text(encoding="utf-8")


_RENDERING = "2"
"""Raised when as_data or conversation shows the same text otherwise."""


@cache
def version() -> str:
    """Short hash over every prompt file and how texts are put into them: it is part of the judge's identity and of every cached
    verdict's key."""
    folder = resources.files("services.verifier.judge") / "prompts"
    files = sorted((e for e in folder.iterdir() if e.name.endswith(".txt")), key=lambda e: e.name)
    content = "\0".join([_RENDERING, *(f"{e.name}\0{e.read_text(encoding='utf-8')}" for e in files)])
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def fill(name: str, **fields: str) -> str:
    """The template with its fields. One pass: what a field's text contains is never itself replaced."""
    return _FIELD.sub(lambda match: fields[match.group(1)], template(name)).strip()


def as_data(text: str) -> str:
    """Text that no template or tokenizer takes for control: special tokens are broken up, lone surrogates made visible."""
    text = text.encode("utf-8", "backslashreplace").decode() if not _encodable(text) else text
    return _SPECIAL.sub(r"\g<0> ", text)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def conversation(prompt: Prompt) -> str:
    """The prompt as the judge is shown it. Messages stand under lines that name who wrote each; a message that holds such a line cannot
    be written, since the line holds a hash of all messages. A user's only message is the task itself."""
    if isinstance(prompt, str):
        return prompt
    if len(prompt) == 1 and prompt[0].role == "user":
        return prompt[0].content
    mark = f"-----[{_digest(*(part for m in prompt for part in (m.role, m.content)))[:16]}]-----"
    return "\n".join(f"{mark} {message.role}\n{message.content}" for message in prompt)


def delimiter(*parts: str) -> str:
    """The line round a response. It depends on everything in the call, so that equal calls are equal and a text that holds its
    own delimiter cannot be written: it would have to contain its own hash."""
    return f"=====[{_digest(*parts)[:24]}]====="


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
