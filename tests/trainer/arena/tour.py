"""Takes the pictures of docs/evaluation.md: `python -m tests.trainer.arena.tour docs/images` (needs Chromium and a Chinese font)."""

import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from PIL import Image

from tests.trainer.arena.arena_process import ArenaProcess
from tests.trainer.arena.chromium import Chromium, Page
from trainer.arena.folder import read_contest
from trainer.arena.making import DEMO, copy_demo

RATERS = ("Amal", "Jonas", "李雷", "Odile")


def votes_until(links: dict[str, str], name: str, words: str) -> None:
    """A rater who mostly likes the vivid text, and mostly says the same of a pair, votes until one with these words is next."""
    liked = set(read_contest(DEMO).arms["vivid"].values())
    url, _, token = links[name].partition("/rate#")
    http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"})
    told: Any = http.get("/api/task").json()
    while (task := told["task"]) is not None and words not in task["left"] + task["right"]:
        rng = random.Random(f"{name} {sorted([task['left'], task['right']])}")
        time.sleep(rng.uniform(0.2, 0.6))
        vivid, plain = ("left", "right") if task["left"] in liked else ("right", "left")
        choice = rng.choice([vivid] * 6 + [plain] * 2 + ["tie", "bad"])
        tags = rng.sample(["request", "language", "originality", "emotion", "structure"], 2)
        told = http.post("/api/vote", json={"position": task["position"], "choice": choice, "tags": tags}).json()


def opened(browser: Chromium, link: str, guide: bool = False, **screen: Any) -> Page:
    page = browser.page(**screen)
    page.goto(link)
    page.wait("!document.getElementById('work').hidden")
    time.sleep(0.3)
    if not guide:
        page.js("document.getElementById('guide')?.close()")
    return page


def main(out: Path) -> None:
    with TemporaryDirectory() as temporary, Chromium() as browser:
        folder = Path(temporary) / "demo"
        copy_demo(folder)
        options = [part for name in RATERS for part in ("--rater", name)]
        with ArenaProcess(folder, *options, "--raters", "0", "--repeats", "0.3", "--least-seconds", "0") as arena:
            links = arena.links
            wide: dict[str, Any] = {"width": 1200, "height": 720}
            phone: dict[str, Any] = {"width": 375, "height": 720, "phone": True}
            opened(browser, links["Amal"], guide=True, **wide).screenshot(out / "arena-1-start.png")
            votes_until(links, "Amal", "eleven winters")
            page = opened(browser, links["Amal"], **wide)
            page.press("4" if "eleven" in page.js("document.getElementById('right').innerText") else "1", "t", "r")
            time.sleep(0.3)
            page.screenshot(out / "arena-2-vote.png")
            opened(browser, links["Amal"], **phone).screenshot(out / "arena-3-phone.png")
            votes_until(links, "Jonas", "آخر الشارع")
            page = opened(browser, links["Jonas"], dark=True, **phone)
            if "آخر" not in page.js("document.getElementById('left').innerText"):
                page.click("#show-right")
            page.screenshot(out / "arena-4-phone-dark.png")
            votes_until(links, "李雷", "透镜")
            page = opened(browser, links["李雷"], dark=True, language="zh-CN", **wide)
            page.screenshot(out / "arena-5-chinese.png")
            for name in ("Amal", "Jonas", "李雷"):
                votes_until(links, name, "in no text")
            votes_until(links, "Odile", "透镜")
            opened(browser, links["standing"], width=1200, height=980).screenshot(out / "arena-6-standing.png")
        for picture in out.glob("arena-?-*.png"):  # a third of the bytes
            Image.open(picture).convert("RGB").quantize(128).save(picture, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
