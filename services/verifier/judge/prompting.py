"""How texts are put before the judge: as data, between lines that no text can contain. The prompts themselves: prompt_files.py."""

import hashlib
import re

from rlmr.wire.base import Prompt

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
    """The line round a text. It depends on task and text, so that equal calls are equal and a text that holds its own delimiter
    cannot be written: it would have to contain its own hash. Not on the requirement: the calls about one text share all before it."""
    return f"=====[{_digest(*parts)[:24]}]====="


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
