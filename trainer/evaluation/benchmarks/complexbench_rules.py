"""ComplexBench's rules: what a program decides about the parts of a response that the judge has copied out (the targets).

A rule is one or more lines `name:argument`. `model_` before a name says that the judge extracts first, `_each` behind it that every
target must pass. Signs of ASCII and their full-width forms count as the same. The grammar is read off thu-coai/ComplexBench at 749f457
(evaluation/con_rule.py); the code is ours.
"""

import json
import re
import string
from collections.abc import Callable, Sequence

from trainer.evaluation.benchmark import Unparseable

_WIDE = str.maketrans("！＃＄％＆（）＊，。：；＜＝＞？＠＼＾“”", '!#$%&()*,.:;<=>?@\\^""')
_QUOTES = "\"'`“”"
_NEGATIVE = ("forbidden_word", "not_startswith", "not_endswith")
"""Hold where there is nothing to look at; every other rule fails there."""


def plain(text: str) -> str:
    return text.translate(_WIDE)


def _list(argument: str) -> list[str]:
    return [plain(part.strip()) for part in argument.strip().strip("[]").split(",")]


def _bounds(argument: str) -> tuple[int, int]:
    low, high = argument.strip().strip("[]").split(",")[:2]
    return int(low), int(high)


def _keyword(target: str, argument: str) -> bool:
    return all(word in target for word in _list(argument))


def _forbidden_word(target: str, argument: str) -> bool:
    return not any(word in target for word in _list(argument))


def _keyword_num(target: str, argument: str) -> bool:
    low, high = _bounds(argument)
    return low <= sum(word in target for word in _list(argument)[2:]) <= high


def _startswith(target: str, argument: str) -> bool:
    return target.startswith(plain(argument))


def _endswith(target: str, argument: str) -> bool:
    return target.endswith(tuple(plain(argument) + end for end in ("", ".", "?")))


def _match(target: str, argument: str) -> bool:
    return target in (plain(argument), plain(argument) + ".")


def _length(target: str, argument: str) -> bool:
    low, high = _bounds(argument)
    return low <= len(target) <= high


def _length_word(target: str, argument: str) -> bool:
    low, high = _bounds(argument)
    return low <= len(target.split()) <= high


def _constraint_punc(target: str, argument: str) -> bool:
    return not (set(target) & set(string.punctuation)) - set(_list(argument))


def _json(target: str, argument: str) -> bool:
    """Its first {...} is an object with exactly these keys, if any are named."""
    keys = {key.strip(" \"'") for key in argument.strip().strip("[]").split(",")} - {""}
    start = target.find("{")
    if start < 0:
        return False
    try:
        found, _ = json.JSONDecoder().raw_decode(target, start)
    except (ValueError, RecursionError):
        return False
    return not keys or set(found) == keys


_RULES: dict[str, Callable[[str, str], bool]] = {
    "keyword": _keyword,
    "forbidden_word": _forbidden_word,
    "keyword_num": _keyword_num,
    "startswith": _startswith,
    "endswith": _endswith,
    "not_startswith": lambda target, argument: not _startswith(target, argument),
    "not_endswith": lambda target, argument: not _endswith(target, argument),
    "match": _match,
    "length": _length,
    "length_word": _length_word,
    "constraint_punc": _constraint_punc,
    "Json": _json,
}
_LINE = re.compile(r"^(?:model_)?([A-Za-z_ ]+?)(_each)?:(.*)\Z", re.DOTALL)
_START = re.compile(r"\n(?=(?:model_)?(?:not )?[A-Za-z_]+:)")


def holds(rule: str, targets: Sequence[str]) -> bool:
    """Whether every line of the rule holds. Raises Unparseable for a rule that is not known."""
    verdicts = [_line_holds(line, targets) for line in _START.split(rule.strip("\n"))]
    return all(verdicts)


def _line_holds(line: str, targets: Sequence[str]) -> bool:
    read = _LINE.match(line)
    name, each, argument = (read[1].replace(" ", "_"), read[2], read[3]) if read else ("", None, "")
    there = [target for target in (targets if each else targets[:1]) if target]
    try:
        if name == "number":
            low, high = _bounds(argument)
            return any(targets) and low <= len(targets) <= high
        if name == "starts_with_list":
            firsts = _list(argument)
            return (
                any(targets)
                and len(targets) == len(firsts)
                and all(plain(t).startswith(first) for t, first in zip(targets, firsts, strict=True) if t)
            )
        check = _RULES[name]
        if not there:
            return name in _NEGATIVE
        if each and name == "endswith" and len(there) > 1:
            there = there[:-1]  # the last of several ends as the whole does, not as the parts do
        return all(check(_seen(name, target), argument) or _unquoted(check, name, target, argument) for target in there)
    except (KeyError, ValueError) as exc:
        raise Unparseable(f"the rule {line!r} is not one that RLMR knows") from exc


def _seen(name: str, target: str) -> str:
    """Json is read as it stands."""
    return target if name == "Json" else plain(target)


def _unquoted(check: Callable[[str, str], bool], name: str, target: str, argument: str) -> bool:
    """A target that the judge put into quotation marks may be meant without them; what must not occur stays."""
    bare = target.strip("\n")
    quoted = len(bare) > 1 and bare[0] in _QUOTES and bare[-1] in _QUOTES
    return quoted and name not in _NEGATIVE and check(_seen(name, bare[1:-1]), argument)
