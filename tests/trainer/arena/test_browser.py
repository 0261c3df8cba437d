"""The pages in a real browser, and ten raters whose server is killed in the middle of their votes."""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from services.verifier.accuracy.wilson import wilson
from tests.trainer.arena.arena_process import ArenaProcess
from tests.trainer.arena.chromium import PROGRAM, Chromium, Page
from tests.trainer.arena.contests import make_folder, write_lines
from trainer.arena.state import FILE

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium (Debian: apt-get install chromium)")

RATERS, PAIRS, REPEATS, KILLS = 10, 200, 20, 9


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as started:
        yield started


@pytest.fixture
def folder_in_memory() -> Iterator[Path]:
    """A kill loses nothing of a file system in memory either, and 2,200 syncs to a disk take half a minute."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        yield Path(made)


def opinion(prompt: int, rater: int) -> str:
    """Which arm, "tie" or "bad": all agree on 150 prompts; on each of the others 6 say tuned, 2 base, 1 tie, 1 both bad."""
    if prompt < 150:
        return "tuned" if prompt < 100 else "base"
    return (["tuned"] * 6 + ["tie", "bad"] + ["base"] * 2)[(prompt + rater) % 10]


def choice(task: dict[str, Any], rater: int) -> str:
    prompt = int(task["prompt"][0]["content"].removeprefix("Write about topic ").rstrip("."))
    wanted = opinion(prompt, rater)
    if wanted in ("tie", "bad"):
        return wanted
    tuned_is_left = "more" in task["left"]
    return "left" if (wanted == "tuned") == tuned_is_left else "right"


class Rater:
    """Votes over HTTP as the page does: a vote without an answer is sent again."""

    def __init__(self, number: int, link: str) -> None:
        self.number = number
        self.url, _, token = link.partition("/rate#")
        self.http = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=30)
        self.acknowledged: dict[int, str] = {}
        self.asked_again = 0

    def ask(self, method: str, path: str, **more: Any) -> Any:
        while True:
            try:
                reply = self.http.request(method, self.url + path, **more)
            except httpx.TransportError:
                self.asked_again += 1
                time.sleep(0.05)
                continue
            assert reply.status_code == 200, reply.text
            return reply.json()

    def run(self) -> None:
        told = self.ask("GET", "/api/task")
        while (task := told["task"]) is not None:
            vote = {"position": task["position"], "choice": choice(task, self.number), "tags": ["content"]}
            told = self.ask("POST", "/api/vote", json=vote)
            self.acknowledged[task["position"]] = vote["choice"]


def vote_by_keyboard(page: Page, rater: int) -> None:
    read = "({position: document.getElementById('count').textContent, prompt: [{content: document.querySelector('#prompt p').textContent}], left: document.getElementById('left').innerText, right: document.getElementById('right').innerText})"
    task = page.js(read)
    page.press({"left": "1", "tie": "2", "bad": "3", "right": "4"}[choice(task, rater)], "w", "Enter")
    page.wait(f"document.getElementById('count').textContent !== '{task['position']}'")


def test_ten_raters_with_200_pairs_and_ten_kills_lose_nothing_and_the_figures_are_those_worked_by_hand(
    folder_in_memory: Path, browser: Chromium
) -> None:
    names = [f"rater {i + 1}" for i in range(RATERS)]
    options = ["--raters", str(RATERS), "--least-seconds", "0", "--repeats", str(REPEATS / PAIRS)]
    with ArenaProcess(make_folder(folder_in_memory, PAIRS), *options) as arena:
        links = dict(arena.links)
        page = browser.page()
        page.goto(links[names[0]])
        page.wait("document.getElementById('guide').open")
        page.press("Enter")
        for _ in range(3):
            vote_by_keyboard(page, 0)
        # The server dies; the vote that the page sends then is kept by the page until there is a server again.
        arena.kill()
        page.press("2", "Enter")
        page.wait("document.getElementById('status').textContent.startsWith('Not saved yet')")
        arena.start()
        page.wait("document.getElementById('count').textContent.startsWith('5 ')")
        page.press("Backspace")
        page.wait("document.getElementById('count').textContent.startsWith('4 ')")
        vote_by_keyboard(page, 0)  # "equally good" was pressed for the sake of the test: corrected
        page.wait("document.getElementById('count').textContent.startsWith('5 ')")
        raters = [Rater(i, links[name]) for i, name in enumerate(names)]
        threads = [threading.Thread(target=rater.run) for rater in raters]
        for thread in threads:
            thread.start()
        kept = sqlite3.connect(folder_in_memory / FILE)
        for number in range(1, KILLS + 1):
            while sum(len(rater.acknowledged) for rater in raters) < number * RATERS * PAIRS // (KILLS + 1):
                time.sleep(0.005)
            arena.kill()
            on_disk = {(r - 1, p): c for r, p, c in kept.execute("SELECT rater, position, choice FROM counted")}
            held = [((rater.number, p), c) for rater in raters for p, c in list(rater.acknowledged.items())]
            assert [vote for vote in held if on_disk.get(vote[0]) != vote[1]] == []
            arena.start()
        for thread in threads:
            thread.join(timeout=120)
        assert arena.links == links
        assert all(rater.asked_again for rater in raters)
        rows = Counter(kept.execute("SELECT rater, position FROM vote"))
        assert len(rows) == RATERS * (PAIRS + REPEATS)
        assert [key for key, times in rows.items() if times > 1] == [(1, 3)]  # the correction
        kept.close()

        admin = browser.page(height=1100)
        admin.goto(links["standing"])
        admin.wait("document.querySelectorAll('#raters tr').length === 11")
        key = links["standing"].partition("#")[2]
        told = httpx.get(f"{arena.url}/api/admin/standing", headers={"Authorization": f"Bearer {key}"}).json()
        cards = admin.js("document.getElementById('cards').innerText")
        duel = admin.js("document.getElementById('duels').innerText")
        complaints = [text for text in [*page.complaints(), *admin.complaints()] if "ERR_CONNECTION" not in text]
        asked = [*page.requests(), *admin.requests()]

    # By hand: n = 2000 votes; tuned 1000 + 300, base 500 + 100, tie 50, both bad 50.
    counts = told["duels"][0]
    assert [counts[k] for k in ("first", "wins", "losses", "ties", "both_bad")] == ["base", 600, 1300, 50, 50]
    assert counts["win_rate"]["value"] == pytest.approx(650 / 2000)
    # Residuals of a prompt's ten votes: 10 (0 - .325), 10 (1 - .325), 10 (.3 - .325) on 100, 50 and 50 prompts.
    variance = 200 / 199 * (100 * 3.25**2 + 50 * 6.75**2 + 50 * 0.25**2) / 2000**2
    effective = 0.325 * 0.675 / variance
    assert (counts["win_rate"]["low"], counts["win_rate"]["high"]) == pytest.approx(
        wilson(0.325 * effective, effective)
    )
    # Disagreement: (100 - 36 - 1 - 1 - 4) / 9 on each of 50 prompts; expected: 2000^2 - 1300^2 - 600^2 - 2 * 50^2.
    assert told["agreement"]["alpha"] == pytest.approx(1 - 1999 * (50 * 58 / 9) / 1_945_000)
    assert told["self_consistency"] == {"value": 1.0, "low": pytest.approx(0.981, abs=1e-3), "high": pytest.approx(1), "count": 200}  # fmt: skip
    assert told["length"]["longer_chosen"] == 1300 and told["length"]["shorter_chosen"] == 600
    assert [r["done"] for r in told["raters"]] == [PAIRS + REPEATS] * RATERS
    for shown in ("2200", "0.669", "100.0", "68.4"):
        assert shown in cards, (shown, cards)
    assert "67.5" in duel and duel.startswith("tuned")
    assert complaints == []
    assert {str(httpx.URL(a).copy_with(path="/", fragment=None, query=None)) for a in asked if a != "about:blank"} == {f"{arena.url}/"}  # fmt: skip


HOSTILE = "<script>window.hit = 1</script><img src=https://example.org/x onerror='window.hit = 1'>\n\u202ekcatta\nplain"


def test_hostile_texts_stay_texts_and_long_ones_scroll_together_on_every_screen(
    tmp_path: Path, browser: Chromium
) -> None:
    folder = make_folder(tmp_path, prompts=1)
    write_lines(folder / "prompts.jsonl", [{"id": "p0", "prompt": f"كتابة {HOSTILE}"}])
    write_lines(
        folder / "base.jsonl", [{"id": "p0", "response": f"{HOSTILE}\nقال الولد: «مرحبا»." + "\nA line." * 200}]
    )
    write_lines(folder / "tuned.jsonl", [{"id": "p0", "response": f"{HOSTILE} x" + "\nA line." * 100}])
    with ArenaProcess(folder, "--raters", "1", "--least-seconds", "2", "--tag", "voice") as arena:
        page = browser.page(language="zh-CN")
        page.goto(arena.links["rater 1"])
        page.wait("document.getElementById('guide').open")
        assert page.js("document.getElementById('guide').innerText").startswith("两篇文本")
        page.press("Enter")
        # Too early: the page says so, and the server has no vote.
        page.press("1", "Enter")
        page.wait("document.getElementById('status').textContent.includes('请再阅读')")
        assert page.js("document.querySelectorAll('script').length") == 1 and page.js("window.hit") is None
        assert page.js("document.querySelectorAll('main img').length") == 0
        assert "<script>" in page.js("document.getElementById('left').innerText")
        directions = page.js(
            "[...document.querySelectorAll('.text p')].filter(p => p.textContent.startsWith('قال')).map(p => getComputedStyle(p).direction + ' ' + getComputedStyle(p).unicodeBidi)"
        )
        assert directions == ["rtl isolate"]
        assert page.js("getComputedStyle(document.querySelector('#left p:nth-child(3)')).direction") == "ltr"
        share = (
            "(id => { const e = document.getElementById(id); return e.scrollTop / (e.scrollHeight - e.clientHeight) })"
        )
        page.js("document.getElementById('left').scrollTop = 700")
        page.wait(f"Math.abs({share}('left') - {share}('right')) < 0.01 && {share}('right') > 0.05")
        page.press("ArrowDown", "ArrowDown")  # nothing has the focus: both texts
        page.wait(
            "Math.max(document.getElementById('left').scrollTop, document.getElementById('right').scrollTop) > 760"
        )
        assert page.js(
            "document.scrollingElement.scrollHeight <= innerHeight && document.scrollingElement.scrollWidth <= innerWidth"
        )
        # By Tab alone: a button that has the focus takes Enter for itself.
        page.js("document.querySelector('[data-choice=bad]').focus()")
        page.press("Enter")
        assert page.js("document.querySelector('[data-choice=bad]').getAttribute('aria-checked')") == "true"
        page.js("document.activeElement.blur()")
        page.click("#language")
        assert "A is better" in page.js("document.querySelector('footer').innerText")
        page.click("#theme")
        assert page.js("getComputedStyle(document.body).backgroundColor") == "rgb(17, 23, 28)"

        phone = browser.page(width=390, height=844, phone=True)
        phone.goto(arena.links["rater 1"])
        phone.wait("document.getElementById('guide').open")
        phone.click("#guide .save")
        shown = "[...document.querySelectorAll('article')].map(a => a.getBoundingClientRect().height > 0)"
        assert phone.js(shown) == [True, False]
        phone.click("[data-choice=left]")
        phone.wait("document.getElementById('save').classList.contains('ready')")
        phone.click("#save")
        phone.wait("document.getElementById('status').textContent.includes('both texts')")
        phone.click("#show-right")
        assert phone.js(shown) == [False, True]
        assert phone.js("document.scrollingElement.scrollWidth <= innerWidth")
        assert phone.js("Math.min(...[...document.querySelectorAll('.choice, footer .save, .switch button')].map(b => b.getBoundingClientRect().height))") >= 42  # fmt: skip
        phone.click("#tags button")
        phone.click("#save")
        phone.wait("document.getElementById('notice').innerText.startsWith('Thank you')")
        # The desktop, where the same rater left the pair open, moves on by itself.
        page.press("4", "Enter")
        page.wait("document.getElementById('notice').innerText.startsWith('Thank you')")

        wrong = browser.page()
        wrong.goto(f"{arena.url}/rate#{'x' * 32}")
        wrong.wait("document.getElementById('notice').innerText.includes('does not work')")
        wrong.goto(f"{arena.url}/admin#{arena.links['rater 1'].partition('#')[2]}")
        wrong.wait("document.getElementById('notice').innerText.includes('Not the admin key')")
        assert not [u for p in (page, phone) for u in p.requests() if not u.startswith((arena.url, "about:"))]
        errors = [*page.complaints(), *phone.complaints()]
        assert [e for e in errors if "409" not in e] == []
    kept = sqlite3.connect(folder / FILE).execute("SELECT choice, tags FROM counted").fetchall()
    assert kept == [("left", '["voice"]')]
