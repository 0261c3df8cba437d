"""Each checker by itself: microseconds for a response of about 1 KB, and milliseconds for 100 KB of hostile text."""

import statistics
import time
from typing import Any

from services.verifier.constraints import Subject, prepare, registry
from tests.verifier.adversarial import adversarial_texts
from tests.verifier.examples import example

TYPICAL = (
    "The ferry had not come by noon, and nobody on the quay said a word about it. Old Mr. Hale mended a net that needed no "
    'mending; two children counted gulls.\n\n"Is it late?" the younger one asked, "or did it sink?"\n\nHe did not answer. A *cold* '
    "wind came round the customs house, and the rope on the flagpole began to tick against the wood, once, twice, three times. "
    "There were 14 crates on the stones, each with a name painted on it.\n\n- salt\n- lamp oil\n- a clock for the school\n\n"
)


def measure(adversarial_size: int = 100_000) -> dict[str, Any]:
    typical = (TYPICAL * 2)[:1000]
    texts = adversarial_texts(adversarial_size)
    found = {}
    for id in sorted(registry):
        rule = prepare(id, example(id))
        times = []
        for i in range(24):
            # A text of its own each time: no reading of it has been made before, as for a new response.
            subject = Subject(typical.replace("14", str(100 + i)))
            started = time.process_time()
            rule.test(subject.text)
            times.append(time.process_time() - started)
        hostile = []
        for text in texts:
            started = time.process_time()
            rule.test(Subject(text).text)
            hostile.append((time.process_time() - started, text[:16]))
        worst, unit = max(hostile)
        found[id] = {
            "us_per_1kb": round(statistics.median(times[4:]) * 1e6, 1),
            "worst_100kb_ms": round(worst * 1e3, 1),
            "worst_text": ascii(unit),
        }
    return found
