"""Our detector against langdetect itself, seeded as the reference checkers' verdicts were."""

import random
from concurrent.futures import ThreadPoolExecutor

import langdetect
import pytest
from langdetect import DetectorFactory, LangDetectException

from services.verifier.text.language import detect_language
from services.verifier.text.profiles import Profiles, langdetect_counts

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


def test_the_stored_profiles_are_langdetects() -> None:
    languages, totals, counts = langdetect_counts()
    stored = Profiles()
    assert stored.languages == languages
    for gram, by_language in counts.items():
        row = stored.row(gram)
        assert row is not None, gram
        found = {i: p for i, p in enumerate(stored.table[row].tolist()) if p}
        assert found == {i: count / totals[i][len(gram) - 1] for i, count in by_language.items()}, gram
    assert stored.row("\0 w") is None
    assert stored.row("") is None


def test_threads_that_meet_the_same_words_first_give_them_the_same_rows() -> None:
    _, _, counts = langdetect_counts()
    grams = random.Random(3).sample(sorted(counts), 6_000)
    stored = Profiles()
    with ThreadPoolExecutor(8) as pool:
        rows = list(
            pool.map(lambda order: {g: stored.row(g) for g in random.Random(order).sample(grams, 6_000)}, range(8))
        )
    assert all(found == rows[0] for found in rows)
    assert len(set(rows[0].values())) == len(grams)
    alone = Profiles()
    for gram, row in rows[0].items():
        own = alone.row(gram)
        assert (stored.table[row] == alone.table[own]).all()
