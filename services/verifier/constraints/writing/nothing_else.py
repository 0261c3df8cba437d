"""structure:nothing_else: the answer is the text that was asked for, with no word before or after it that talks about it."""

import re
from typing import Literal

from services.verifier.constraints.registry import Kwargs, Verdict, checker
from services.verifier.text import Text
from services.verifier.text.outline import only_items, straight
from services.verifier.text.units import without_markup

_A_TEXT = (
    r"\b(?:story|tale|poem|essay|letter|list|version|draft|script|speech|article|summary|response|answer|e-?mail|outline|plan|table|text|haiku|sonnet|"
    r"limerick|rewrite|translation|json|code|report|proposal|copy|review|paragraphs?|piece|examples?|dialogue|scene|lyrics|song|post|captions?|"
    r"slogans?|taglines?|names|ideas|suggestions|titles?|recipe|blog|screenplay|monologue|continuation|chapter|ad|advertisement|description)\b"
)
_BEFORE = re.compile(
    r"(?:sure|certainly|of course|absolutely|okay|ok|great|got it|no problem|understood)(?: thing)?[,.!:—– -]{0,3}"
    r"(?:$|(?:here(?:'s| is| are)|below (?:is|are)|the following|i(?:'d be| would be|'ll| will|'ve| have| can) ))"
    rf"|(?:here(?:'s| is| are)|below (?:is|are)|the following (?:is|are)|this is)\b.{{0,200}}{_A_TEXT}.{{0,200}}:$"
    r"|i(?:'d be| would be|'m| am) (?:happy|glad) to (?:help|write|create|draft|assist)"
    rf"|i(?:'ve| have) (?:written|created|drafted|prepared|put together|rewritten)\b.{{0,80}}{_A_TEXT}"
    r"|(?:here|there) you (?:go|are)[.!:]|as (?:you )?requested\b.{0,200}:$"
    r"|(?:好的?|当然(?:可以)?|没问题|可以的?|明白了?|收到)[,，!！。~～]\s?(?:$|以下|下面|这是|这里是|我(?:来|将|会|为|已|这就)|为(?:您|你)|根据)"
    r"|(?:以下|下面)(?:是|为|就是).{0,120}[:：]$|这(?:是|里是)(?:一(?:篇|首|份|个|则|封|段)|为(?:您|你)|我为|根据).{0,100}[:：]$"
    r"|(?:根据|按照|应)(?:您|你)的(?:要求|需求|描述|指示|需要).{0,100}[:：。]$"
)
_CHANGES = r"\b(?:adjust\w*|chang\w+|revis\w+|modif\w+|edit\w*|tweak\w*|versions?|tone|longer|shorter|further|anything else|help|me to|questions|feedback|expand\w*)\b"
_AFTER = re.compile(
    r"(?:i )?hope (?:this|that|you|it)\b.{0,200}(?:help|enjoy|looking for|useful|like|need|expectation|captur|works|fits|meets)"
    rf"|(?:please )?(?:let me know|feel free to|don't hesitate to)\b.{{0,200}}{_CHANGES}"
    r"|(?:would|do) you (?:like|want) (?:me to|an?(?:other)?\b.{0,40}version|any changes)|want me to\b"
    r"|(?:should|shall|can) i (?:also )?(?:adjust|continue|expand|change|revise|write another)"
    r"|if you(?:'d| would)? (?:like|want|need|prefer)\b.{0,200}\b(?:i can|i could|i'd be|i'm happy|let me know|just (?:ask|say|let))"
    r"|(?:total )?(?:word|character) count\b|(?:approximately |about |~)?\d{1,6} words$"
    r"|notes?: .{0,200}\b(?:this|the|above) (?:story|poem|text|essay|response|answer|version|draft|piece|article|letter)\b"
    r"|希望(?:这|以上|您|你|对|能|本).{0,60}(?:喜欢|帮助|满意|要求|需求|有用|参考|符合)"
    r"|(?:如果?|若)(?:您|你)?(?:还|需|有|想|对|觉得).{0,40}(?:修改|调整|告诉我|补充|随时|润色|优化|续写|扩展)"
    r"|(?:需要我|要不要我|(?:您|你)(?:是否需要|需要我|希望我)|是否需要我?|请告诉我|欢迎(?:告诉我|随时提)).{0,40}(?:[吗?？]|修改|调整|补充|。)"
    r"|(?:全文|本文|正文|以上|总?字数).{0,8}\d{1,6} ?字?|(?:注|说明|备注)[:：].{0,100}(?:以上|本文|全文|文案|故事|调整|修改)"
)
_QUOTES = "\"'“‘「『《"
_AROUND = " \t\u3000()（）[]【】_#>-—"
_FENCED = re.compile(r"(?:```|~~~)[^\n`]*\n(?:(?!```|~~~).*\n)*(?:```|~~~)")


class NothingElse(Kwargs):
    only: Literal["text", "list", "table", "code"] = "text"


@checker(
    "structure:nothing_else",
    NothingElse,
    lambda kw: (
        "Answer with the text alone, with no word before or after it."
        if kw.only == "text"
        else f"Answer with the {kw.only} alone, with no word before or after it."
    ),
    summary='No "Sure, here is ..." before the text, no offer, note or word count after it; of a list, table or block of code: nothing but that.',
    unsure=True,
)
def nothing_else(text: Text, kw: NothingElse) -> Verdict:
    """English and Chinese. A letter may offer help: its last line is its signature."""
    lines = [line for line in text.plain.split("\n") if line.strip()]
    if not lines:
        return Verdict(False, "no text")
    if kw.only == "list" and not only_items(lines):
        return Verdict(False, "there is more than a list")
    if kw.only == "table" and not (text.markdown.tables == 1 and all("|" in line for line in lines)):
        return Verdict(False, "there is more than a table, or none")
    if kw.only == "code" and _FENCED.fullmatch(text.plain.strip()) is None:
        return Verdict(False, "there is more than a block of code, or none")
    for line, talk, where in ((lines[0], _BEFORE, "before"), (lines[-1], _AFTER, "after")):
        # What stands between quotation marks is spoken by somebody in the text.
        said = without_markup(line[:600]).strip(_AROUND)
        if not said.startswith(tuple(_QUOTES)) and talk.match(straight(said)):
            return Verdict(False, f"{where} the text: {said[:80]!r}")
    return Verdict(True, f"nothing but the {kw.only}")
