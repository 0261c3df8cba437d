"""Each checker by itself: microseconds for a response of about 1 KB, and milliseconds for 100 KB of hostile text."""

import statistics
import time
from typing import Any

from services.verifier.constraints import Prepared, Subject, prepare, registry
from tests.services.verifier.adversarial import adversarial_texts
from tests.services.verifier.examples import example

TYPICAL = (
    "The ferry had not come by noon, and nobody on the quay said a word about it. Old Mr. Hale mended a net that needed no "
    'mending; two children counted gulls.\n\n"Is it late?" the younger one asked, "or did it sink?"\n\nHe did not answer. A *cold* '
    "wind came round the customs house, and the rope on the flagpole began to tick against the wood, once, twice, three times. "
    "There were 14 crates on the stones, each with a name painted on it.\n\n- salt\n- lamp oil\n- a clock for the school\n\n"
)
TYPICAL_CHINESE = (
    "到了中午，渡船还没有来，码头上谁也没有提这件事。何老先生在补一张不用补的网，两个孩子数着海鸥。\n\n“是晚了吗？”小的那个问，“还是沉了？”\n\n"
    "他没有回答。一阵冷风从海关楼后面吹过来，旗杆上的绳子一下、两下、三下地敲着木头。石头上放着14只箱子，每只都漆着一个名字。\n\n"
    "- 盐\n- 灯油\n- 给学校的钟\n\n"
)

_ROUNDS = 4


def measure(adversarial_size: int = 100_000) -> dict[str, Any]:
    typical = (TYPICAL * 2)[:1000]
    chinese = (TYPICAL_CHINESE * 4)[:340]  # 1 KB in UTF-8
    # The numbered runs of each round are others, so that nothing remembered of one round helps in the next.
    rounds = [adversarial_texts(adversarial_size, first=i * adversarial_size) for i in range(_ROUNDS)]
    found = {}
    for id in sorted(registry):
        rule = prepare(id, example(id))
        hostile = [(_seconds(rule, text), i) for i, text in enumerate(rounds[0])]
        # The slowest are measured again: a single figure may be somebody else's work.
        slowest = sorted(hostile, reverse=True)[:4]
        worst, i = max((min(first, *(_seconds(rule, texts[i]) for texts in rounds[1:])), i) for first, i in slowest)
        found[id] = {
            "us_per_1kb": _median_us(rule, typical),
            "us_per_1kb_chinese": _median_us(rule, chinese),
            "worst_hostile_ms": round(worst * 1e3, 1),
            "worst_text": ascii(rounds[0][i][:16]),
        }
    return found


def _median_us(rule: Prepared, typical: str) -> float:
    """A text of its own each time: no reading of it has been made before, as for a new response. The least of a few medians: others work
    on the same cores."""
    medians = []
    for repeat in range(_ROUNDS):
        times = [_seconds(rule, typical.replace("14", f"{100 * (repeat + 1) + i}")) for i in range(24)]
        medians.append(statistics.median(times[4:]))
    return round(min(medians) * 1e6, 1)


def _seconds(rule: Prepared, raw: str) -> float:
    subject = Subject(raw)
    started = time.process_time()
    rule.test(subject.text)
    return time.process_time() - started
