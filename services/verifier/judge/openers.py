"""Responses that are no text at all: punctuation, or only the opening of an answer.

Such "master keys" get false passes from language models up to 90 % of the time ("One Token to Fool LLM-as-a-Judge", arXiv
2507.08794), and neither reasoning nor voting helps reliably: they never reach the judge.
"""

import re
import unicodedata

import regex

from services.verifier.text.folding import without_invisible

_NOT_TEXT = re.compile(r"[\W_]+")

OPENERS = frozenset(
    {
        "solution", "the solution", "answer", "the answer", "the answer is", "final answer", "the final answer is", "response", "output",
        "result", "thought", "thoughts", "thought process", "thinking process", "reasoning", "analysis", "explanation", "step 1",
        "let s solve this problem step by step", "let s think step by step", "let us think step by step", "let s think", "let me think",
        "let s begin", "let s get started", "sure", "certainly", "of course", "okay", "ok", "here is the answer", "here it is",
        "here is my response", "here you go", "pass", "passed", "correct", "true", "met", "verdict met", "verdict pass", "all passed",
        "解", "解答", "答案", "回答", "答", "思考过程", "解题过程", "让我们一步一步地思考", "好的", "当然", "正确", "通过",
        "かいせつ", "解説", "回答例", "解き方", "答え", "思考過程", "풀이", "정답", "해설", "respuesta", "solución", "la respuesta es", "respuesta correcta", "lösung",
        "antwort", "réponse", "la réponse est", "resposta", "решение", "ответ",
    }
)  # fmt: skip


# What a whole answer may be, where the prompt asks for it: "Answer OK or not OK." "True or false?" "只回答“正确”或“错误”。"
_ANSWERS = frozenset(
    {"ok", "okay", "true", "correct", "pass", "passed", "met", "sure", "certainly", "of course", "好的", "当然", "正确", "通过"}
)  # fmt: skip
_EMOJI = regex.compile(r"\p{Extended_Pictographic}")
_EMOJI_ASKED = re.compile(r"\bemojis?\b|\bemoticons?\b|\bsmileys?\b|表情|颜文字", re.IGNORECASE)


def is_no_text(response: str, prompt: str = "") -> bool:
    """Whether the response is empty, has no letter or digit, or is nothing but an opener; look-alike forms and invisible
    characters are folded first. A word or emoji that the prompt names as an answer is one."""
    if not _is_no_text(response):
        return False
    core = _core(response)
    if core in _ANSWERS and len(response) <= 400:
        return _asks_for(core).search(prompt) is None
    return not (_EMOJI_ASKED.search(prompt) and _EMOJI.search(response[:400]))


def _asks_for(answer: str) -> re.Pattern[str]:
    """The word in quotation marks, behind a verb of answering, or as one of two: a prompt that merely holds it does not ask for it."""
    word = rf"(?<!\w){re.escape(answer)}(?!\w)" if answer.isascii() else re.escape(answer)
    verb = r"\b(?:answer|reply|respond|output|say|return|mark)\b|[回作]答|回复|输出|填写"
    return re.compile(
        rf"[\"'“‘「*`]{word}[\"'”’」*`.,]|(?:{verb})[^\n]{{0,60}}?{word}|{word} ?(?:/|or\b|或|、)|(?:/|\bor|或|、) ?{word}",
        re.IGNORECASE,
    )


def _core(response: str) -> str:
    folded = without_invisible(unicodedata.normalize("NFKC", response[:400]))
    return _NOT_TEXT.sub(" ", folded).strip().casefold()


def _is_no_text(response: str) -> bool:
    core = _core(response)
    if len(response) > 400:
        return not core and not _NOT_TEXT.sub("", without_invisible(response))
    return not core or core in OPENERS
