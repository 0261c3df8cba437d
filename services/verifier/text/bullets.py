"""Items of lists that are typed without Markdown: behind a bullet or number of any style, and lines that are items because others beside
them begin in the same way (A. B. C., 第一 第二, an emoji each, a dash each below a colon)."""

import re

_COUNTED = "一二三四五六七八九十"
TYPED = (
    rf"[•●◦‣▪■◆◇★☆·○▶►※➤✓✔][^\S\n]*|[（(](?:\d{{1,3}}|[a-z]|[ivx]{{1,4}}|[{_COUNTED}]{{1,3}})[)）][^\S\n]*|[a-z][)）][^\S\n]+"
    rf"|\d{{1,3}}[、．][^\S\n]*|\d{{1,3}}[.)）](?=[\u4e00-\u9fff])|[{_COUNTED}]{{1,3}}、|[①-⑳⑴-⒇㈠-㈩][^\S\n]*"
)
"""What one line alone is known by, as a pattern."""
_IN_RUN = re.compile(
    r"[^\S\n]*(?:(?P<letter>[A-Z])[.)][^\S\n]+|第(?P<ordinal>[一二三四五六七八九十]{1,2})步?[，,、：:]|(?P<dash>–)[^\S\n]+"
    r"|\[(?P<number>\d{1,3})\][^\S\n]+|(?P<roman>[ivx]{1,5})[.)][^\S\n]+|(?P<arrow>[→➔➜⇒])[^\S\n]*|(?:Step|步骤) ?(?P<step>\d{1,2}|[一二三四五六七八九十]{1,2})[:：.、][^\S\n]*"
    r"|(?P<emoji>[\u2600-\u27bf\u2b50\u2b55\U0001f300-\U0001faff][\ufe0f\u20e3\U0001f3fb-\U0001f3ff]*|[0-9]\ufe0f?\u20e3)[^\S\n]*)(?=\S)"
)
MAY_BE_IN_RUN = r"[A-Z][.)][^\S\n]|\[\d|[ivx]{1,5}[.)]|[→➔➜⇒]|Step |步骤|第[一二三四五六七八九十]|–|[\u2600-\u27bf\u2b50\u2b55\U0001f300-\U0001faff]"


def items_in_runs(lines: list[str]) -> dict[int, int]:
    """Line -> where its text begins, for lines beside others of the same kind. A dash may be speech: it takes a colon above."""
    found: dict[int, int] = {}
    run: list[tuple[int, int]] = []
    kind, last = None, ""
    for i, line in enumerate([*lines, ""]):
        match = _IN_RUN.match(line)
        this = match.lastgroup if match else None
        value = match[this] if match and this else ""
        if run and this == kind and _follows(kind, last, value):
            run.append((i, match.end() if match else 0))
        else:
            if len(run) > 1:
                found.update(run)
            starts = match is not None and (this != "dash" or (i > 0 and lines[i - 1].rstrip()[-1:] in tuple(":：")))
            run = [(i, match.end())] if match and starts else []
        kind, last = this, value
    return found


def _follows(kind: str | None, last: str, value: str) -> bool:
    if kind == "letter":
        return ord(value) == ord(last) + 1
    return kind in ("dash", "emoji", "arrow") or value != last
