"""Our detector against langdetect itself, seeded as the reference checkers' verdicts were."""

import random

import langdetect
import pytest
from langdetect import DetectorFactory, LangDetectException

from services.verifier.text.language import detect_language

SAMPLES = [
    "The harbour was quiet, and the gulls slept on the rail of the ferry until the first whistle.",
    "Der Hafen war still, und die Möwen schliefen, bis die Pfeife des ersten Dampfers ertönte.",
    "Le port était calme, et les mouettes dormaient encore lorsque le premier sifflet retentit.",
    "El puerto estaba en calma y las gaviotas dormían cuando sonó el primer silbato de la mañana.",
    "Гавань была тиха, и чайки спали на перилах парома до первого гудка.",
    "港口很安静，海鸥在渡轮的栏杆上睡着，直到第一声汽笛响起。",
    "港は静かで、かもめは最初の汽笛が鳴るまで手すりで眠っていた。",
    "बंदरगाह शांत था और पहली सीटी बजने तक पक्षी सो रहे थे।",
    "كان الميناء هادئا ونامت النوارس حتى الصافرة الأولى.",
    "항구는 조용했고 갈매기들은 첫 기적 소리가 날 때까지 잠들어 있었다.",
    "Cảng yên tĩnh và những con hải âu ngủ cho đến tiếng còi đầu tiên.",
    "Write to harbour@example.org or see https://example.org/ferry?day=1 for the timetable.",
]


@pytest.fixture(autouse=True)
def seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DetectorFactory, "seed", 0)


def reference(text: str) -> str | None:
    try:
        return langdetect.detect(text)
    except LangDetectException:
        return None


def pieces() -> list[str]:
    """Whole samples, mixtures, short cuts and capitals: short and mixed texts are where detectors waver."""
    draw = random.Random(7)
    texts = list(SAMPLES)
    for _ in range(300):
        text = " ".join(draw.sample(SAMPLES, draw.randint(1, 3)))
        start = draw.randrange(len(text) - 4)
        cut = text[start : start + draw.randint(1, 60)]
        texts += [cut, cut.upper()]
    return [*texts, "", " ", "12 + 3 = 15!", "\u200b", "😀" * 10, "a" * 12_000, "İıſK"]


def test_the_language_is_the_one_that_langdetect_finds_with_seed_0() -> None:
    different = [
        (text, detect_language(text), reference(text)) for text in pieces() if detect_language(text) != reference(text)
    ]
    assert different == []
