"""What the judge is asked in which words: the language of the request, and whether a requirement has a condition."""

import re

from services.verifier.judge.prompt_files import Language

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_KANA = re.compile(r"[\u3041-\u30ff]")
_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_SCANNED = 4_000
"""Characters looked at."""

CONDITION = re.compile(
    r"\b(?:if|when|whenever|wherever|unless|in case|should (?:the|a|an|any|it|he|she|they|someone))\b"
    r"|如果|若是|假如|倘若|要是|除非|一旦|凡是|的话|(?:^|[，。；：、])(?:若(?!干)|如(?![实何下同此上])|当(?![代地下年天今初])|凡)"
    r"|(?<![小同及准])时(?:[，,]|必须|应|需|要|则|都)",
    re.IGNORECASE,
)


def language_of(text: str) -> Language | None:
    """zh if it has as many Chinese characters as words of Latin letters, and no Japanese ones, else en; None without either."""
    scanned = text[:_SCANNED]
    han, words = len(_HAN.findall(scanned)), len(_WORD.findall(scanned))
    if not han and not words:
        return None
    return "zh" if han >= words and not _KANA.search(scanned) else "en"


def is_conditional(constraint: str) -> bool:
    """Whether the requirement speaks of a condition. Only then may the judge answer that it does not apply: elsewhere that answer
    would be a way round the requirement."""
    return CONDITION.search(constraint) is not None
