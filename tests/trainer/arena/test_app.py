"""The server over HTTP: who gets in, what is told, what is refused, and that texts stay texts."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.trainer.arena.contests import make_folder, write_lines
from trainer.arena.app import FORMS, PAGE, build_app
from trainer.arena.folder import read_contest
from trainer.arena.state import FILE, Plan, Rater, State
from trainer.data.check import check_file
from trainer.data.rows import PairRow, read

HOSTILE = '<script>alert(1)</script>\u202e\u2066 & "quotes" </p>'


class Arena:
    def __init__(self, folder: Path, **plan: Any) -> None:
        State.create(
            folder / FILE, read_contest(folder), Plan.model_validate({"least_seconds": 0, "repeats": 0} | plan)
        )
        self.state = State(folder / FILE)
        self.raters = {name: self.state.add_rater(name) for name in ("Ann", "Ben")}
        self.http = TestClient(build_app(self.state))
        self.admin = {"Authorization": f"Bearer {self.state.admin_key}"}

    def auth(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.raters[name].token}"}

    def task(self, name: str, **query: Any) -> Any:
        return self.http.get("/api/task", headers=self.auth(name), params=query).json()

    def vote(self, name: str, position: int, choice: str, **more: Any) -> Any:
        return self.http.post(
            "/api/vote", headers=self.auth(name), json={"position": position, "choice": choice} | more
        )


@pytest.fixture
def arena(tmp_path: Path) -> Arena:
    return Arena(make_folder(tmp_path))


def test_a_rater_goes_from_the_first_pair_to_the_last(arena: Arena) -> None:
    told = arena.task("Ann")
    assert (told["name"], told["done"], told["tasks"], told["task"]["position"]) == ("Ann", 0, 4, 0)
    for position in range(4):
        reply = arena.vote("Ann", position, "left", tags=["content"])
        assert reply.status_code == 200 and reply.json()["done"] == position + 1
    assert reply.json()["task"] is None
    again = arena.task("Ann", position=2)["task"]
    assert again["vote"] == {"choice": "left", "tags": ["content"]}
    assert arena.vote("Ann", 2, "tie").json()["code"] == "already_voted"
    assert arena.vote("Ann", 2, "tie", correct=True).status_code == 200
    assert arena.task("Ben")["done"] == 0


def test_a_link_lets_in_its_rater_alone_and_nobody_as_the_owner(arena: Arena) -> None:
    ann: Rater = arena.raters["Ann"]
    for key in (
        "",
        "Bearer",
        "Bearer x",
        f"Bearer {arena.state.admin_key}",
        f"Basic {ann.token}",
        f"Bearer {ann.token}x",
    ):
        for method, path in (("GET", "/api/task"), ("POST", "/api/vote")):
            reply = arena.http.request(
                method, path, headers={"Authorization": key}, json={"position": 0, "choice": "left"}
            )
            assert reply.status_code == 401, (key, path)
    owners = ["standing", "export/votes.csv", "export/arena.json", "export/pairs.jsonl"]
    strangers: list[dict[str, Any]] = [{}, arena.auth("Ann"), {"Authorization": "Bearer ключ".encode()}]
    for headers in strangers:
        for path in owners:
            assert arena.http.get(f"/api/admin/{path}", headers=headers).status_code == 401
        assert arena.http.post("/api/admin/raters", headers=headers, json={"name": "Eve"}).status_code == 401
    # A token in the address is no token: addresses end in logs.
    assert arena.http.get(f"/api/task?token={ann.token}").status_code == 401


def test_what_a_rater_is_told_names_no_arm_no_prompt_and_no_other_rater(arena: Arena) -> None:
    told = arena.http.get("/api/task", headers=arena.auth("Ann")).text
    for secret in ("base", "tuned", '"p0"', "Ben", "swapped", "repeat", arena.raters["Ben"].token):
        assert secret not in told


def test_mistakes_are_refused_by_name(arena: Arena) -> None:
    arena.task("Ann")
    for vote, field in (
        ({"position": 0, "choice": "middle"}, "choice"),
        ({"position": -1, "choice": "left"}, "position"),
        ({"position": 0, "choice": "left", "tags": ["no such reason"]}, "tags"),
        ({"position": 0, "choice": "left", "arm": "base"}, "arm"),
    ):
        reply = arena.http.post("/api/vote", headers=arena.auth("Ann"), json=vote)
        assert reply.status_code == 422 and reply.json()["message"].startswith(field), reply.text
    assert arena.vote("Ann", 1, "left").json()["code"] == "no_such_task"
    assert arena.http.get("/api/task?position=3", headers=arena.auth("Ann")).status_code == 409
    long = arena.http.post("/api/vote", headers=arena.auth("Ann"), content=b"x" * 70_000)
    assert long.status_code == 413
    assert arena.http.get("/page/..%2Fapp.py").status_code == 404
    assert arena.http.get("/docs").status_code == arena.http.get("/openapi.json").status_code == 404
    assert arena.state.ballots() == []


def test_the_least_reading_time_is_the_servers(tmp_path: Path) -> None:
    arena = Arena(make_folder(tmp_path), least_seconds=60)
    assert 59 < arena.task("Ann")["task"]["wait"] <= 60
    reply = arena.vote("Ann", 0, "left")
    assert reply.status_code == 425 and reply.json()["code"] == "too_early"
    assert arena.state.ballots() == []


def test_nothing_comes_from_elsewhere_and_nothing_runs_inline(arena: Arena) -> None:
    for path in ("/rate", "/admin", "/api/task", "/page/rate.js", "/nowhere"):
        headers = arena.http.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "http" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
    shown = [file for file in PAGE.iterdir() if file.is_file()]
    assert {file.name for file in shown} == {*FORMS, "rate.html", "admin.html"}
    for file in shown:
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text and "https:" not in text, file.name
        assert (
            "innerHTML" not in text and "insertAdjacent" not in text and "onclick=" not in text and "style=" not in text
        )
    for name in FORMS:
        assert arena.http.get(f"/page/{name}").status_code == 200


def test_a_hostile_text_travels_as_it_is(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, prompts=1)
    write_lines(folder / "base.jsonl", [{"id": "p0", "response": HOSTILE}])
    arena = Arena(folder)
    reply = arena.http.get("/api/task", headers=arena.auth("Ann"))
    assert reply.headers["Content-Type"] == "application/json"
    assert HOSTILE in (reply.json()["task"]["left"], reply.json()["task"]["right"])


def test_the_owner_sees_the_standing_and_adds_raters(arena: Arena) -> None:
    arena.task("Ann")
    assert arena.http.get("/api/admin/standing", headers=arena.admin).json()["done"] == 0
    arena.vote("Ann", 0, "tie")
    told = arena.http.get("/api/admin/standing", headers=arena.admin).json()
    assert (told["done"], told["tasks"], told["votes"], told["arms"]) == (1, 8, 1, ["base", "tuned"])
    assert told["duels"][0]["ties"] == 1 and told["duels"][0]["win_rate"]["value"] == 0.5
    assert told["agreement"]["alpha"] is None and told["left"]["value"] is None
    assert [(r["name"], r["done"]) for r in told["raters"]] == [("Ann", 1), ("Ben", 0)]
    assert told["links"]["Ben"] == f"/rate#{arena.raters['Ben'].token}"
    made = arena.http.post("/api/admin/raters", headers=arena.admin, json={"name": "Eve"}).json()
    eve = arena.http.get("/api/task", headers={"Authorization": f"Bearer {made['link'].partition('#')[2]}"})
    assert eve.json()["name"] == "Eve"
    for name in ("Eve", "", "x\u0000y", "x" * 101):
        refused = arena.http.post("/api/admin/raters", headers=arena.admin, json={"name": name})
        assert refused.status_code == 422 and refused.json()["message"].startswith("name")


def test_exports_hold_every_vote_and_pairs_that_the_reward_model_reads(arena: Arena, tmp_path: Path) -> None:
    def prefer(name: str, wanted: str, prompts: set[str]) -> None:
        while (task := arena.task(name)["task"]) is not None:
            topic = task["prompt"][0]["content"].split()[-1].rstrip(".")
            longer = "left" if len(task["left"]) > len(task["right"]) else "right"
            arena.vote(name, task["position"], longer if topic in prompts else wanted, tags=["content", "length"])

    prefer("Ann", "tie", {"0", "1"})
    prefer("Ben", "bad", {"0"})
    told = arena.http.get("/api/admin/export/arena.json", headers=arena.admin).json()
    assert len(told["votes"]) == 8 and told["responses"]["base"]["p1"] == "Text 1 of somebody."
    assert arena.raters["Ann"].token not in json.dumps(told) and arena.state.admin_key not in json.dumps(told)
    rows = list(csv.DictReader(io.StringIO(arena.http.get("/api/admin/export/votes.csv", headers=arena.admin).text)))
    assert len(rows) == 8
    assert {(r["rater"], r["winner"]) for r in rows if r["prompt"] == "p0"} == {("Ann", "tuned"), ("Ben", "tuned")}
    assert {r["winner"] for r in rows if r["prompt"] in ("p2", "p3")} == {""} and rows[0]["tags"] == "content; length"
    path = tmp_path / "pairs.jsonl"
    path.write_text(arena.http.get("/api/admin/export/pairs.jsonl", headers=arena.admin).text, encoding="utf-8")
    pairs = read(path, PairRow)
    assert [(p.provenance["prompt_id"], p.provenance["votes"]) for p in pairs] == [("p0", "2 of 2"), ("p1", "1 of 2")]
    assert [(p.good, p.bad) for p in pairs] == [
        (f"Text {i} of somebody more.", f"Text {i} of somebody.") for i in (0, 1)
    ]
    report = check_file(path)
    assert (report.kind, report.rows, report.errors) == ("pairs", 2, 0)


def test_a_name_that_a_spreadsheet_would_run_is_disarmed(arena: Arena) -> None:
    arena.raters["=1+1"] = arena.state.add_rater("=1+1")
    arena.task("=1+1")
    arena.vote("=1+1", 0, "left")
    assert "\n'=1+1," in arena.http.get("/api/admin/export/votes.csv", headers=arena.admin).text.replace("\r", "")
