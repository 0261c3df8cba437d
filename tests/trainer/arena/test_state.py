"""The file of state: votes are kept, order and links are drawn once, and only the right caller gets in."""

import sqlite3
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.trainer.arena.contests import make_folder, write_lines
from trainer.arena.folder import read_contest
from trainer.arena.state import FILE, AlreadyVoted, ArenaError, NoSuchTask, Plan, State, TooEarly


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def opened(tmp_path: Path, clock: Clock | None = None, prompts: int = 4, **plan: object) -> State:
    path = tmp_path / FILE
    plan = {"least_seconds": 0, "repeats": 0} | plan
    State.create(path, read_contest(make_folder(tmp_path, prompts)), Plan.model_validate(plan))
    return State(path, clock or Clock())


def test_votes_survive_without_a_close_and_tasks_stay_as_they_were(tmp_path: Path) -> None:
    state = opened(tmp_path)
    ann = state.add_rater("Ann")
    first = state.show(ann)
    assert first is not None
    state.vote(ann, 0, "left", ["content"])
    again = State(tmp_path / FILE)  # the first is neither closed nor finished
    rater = again.rater_of(ann.token)
    assert rater is not None and (rater.name, rater.done, rater.tasks) == ("Ann", 1, 4)
    (kept,) = again.ballots()
    assert (kept.choice, kept.tags, kept.seconds) == ("left", ("content",), 0)
    shown = again.show(rater, 0)
    assert (
        shown is not None
        and shown["left"] == first["left"]
        and shown["vote"] == {"choice": "left", "tags": ["content"]}
    )
    assert again.admin_key == state.admin_key


def test_the_file_is_its_owners_alone_and_synced(tmp_path: Path) -> None:
    state = opened(tmp_path)
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    assert state._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert state._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_vote_twice_is_one_vote_and_another_needs_to_say_it_corrects(tmp_path: Path) -> None:
    clock = Clock()
    state = opened(tmp_path, clock)
    ann = state.add_rater("Ann")
    state.show(ann)
    clock.now += 7
    state.vote(ann, 0, "left", ["length", "content"])
    state.vote(ann, 0, "left", ["content", "length"])
    with pytest.raises(AlreadyVoted):
        state.vote(ann, 0, "right", [])
    clock.now += 100
    state.vote(ann, 0, "right", [], correct=True)
    (kept,) = state.ballots()
    assert (kept.choice, kept.tags, kept.seconds) == ("right", (), 7)
    assert state._db.execute("SELECT count(*) FROM vote").fetchone() == (2,)  # what was corrected is still there


def test_only_the_next_task_and_those_before_it_only_once_seen_and_long_enough(tmp_path: Path) -> None:
    clock = Clock()
    state = opened(tmp_path, clock, least_seconds=5)
    ann = state.add_rater("Ann")
    with pytest.raises(NoSuchTask):
        state.vote(ann, 0, "left", [])  # never shown
    shown = state.show(ann)
    assert shown is not None and shown["wait"] == 5
    clock.now += 4
    with pytest.raises(TooEarly) as early:
        state.vote(ann, 0, "left", [])
    assert early.value.seconds == pytest.approx(1)
    reopened = State(tmp_path / FILE, clock)  # a restart does not begin the reading time anew
    clock.now += 1
    reopened.vote(ann, 0, "left", [])
    for position in (2, 99, -1):
        with pytest.raises(NoSuchTask):
            state.vote(ann, position, "left", [])
        with pytest.raises(NoSuchTask):
            state.show(ann, position)


def test_what_is_shown_tells_no_arm_and_no_prompt_id(tmp_path: Path) -> None:
    state = opened(tmp_path, prompts=40)
    ann, sides = state.add_rater("Ann"), Counter[bool]()
    for position in range(40):
        rater = state.rater_of(ann.token)
        assert rater is not None
        shown = state.show(rater)
        assert shown is not None
        assert set(shown) == {"position", "prompt", "left", "right", "wait", "vote"}
        assert "base" not in str(shown) and "tuned" not in str(shown)
        sides["more" in shown["left"]] += 1  # the text of `tuned`
        state.vote(rater, position, "tie", [])
    assert sides == {True: 20, False: 20}
    done = state.rater_of(ann.token)
    assert done is not None and state.show(done) is None


def test_links_let_in_their_rater_alone(tmp_path: Path) -> None:
    state = opened(tmp_path)
    ann, ben = state.add_rater("Ann"), state.add_rater("Ben")
    assert len({ann.token, ben.token, state.admin_key}) == 3 and min(len(ann.token), len(state.admin_key)) == 32
    found = state.rater_of(ben.token)
    assert found is not None and found.name == "Ben"
    for wrong in ("", "x", ann.token[:-1], ann.token + "x", state.admin_key, "ключ"):
        assert state.rater_of(wrong) is None
    assert state.is_admin(state.admin_key) and not state.is_admin(ann.token) and not state.is_admin("")


def test_two_raters_vote_at_once_through_two_connections(tmp_path: Path) -> None:
    states = [opened(tmp_path, prompts=30)]
    states.append(State(tmp_path / FILE))
    raters = [states[0].add_rater(name) for name in ("Ann", "Ben")]

    def votes(state: State, token: str) -> None:
        for position in range(30):
            rater = state.rater_of(token)
            assert rater is not None
            state.show(rater)
            state.vote(rater, position, "left", [])

    threads = [threading.Thread(target=votes, args=(s, r.token)) for s, r in zip(states, raters, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(b.rater for b in states[0].ballots()) == {"Ann": 30, "Ben": 30}


def test_a_state_that_is_there_is_not_replaced_and_a_draft_of_one_is_no_obstacle(tmp_path: Path) -> None:
    state = opened(tmp_path)
    link = state.add_rater("Ann").token
    State.create(tmp_path / FILE, read_contest(tmp_path), Plan())  # another process, a moment too late
    assert State(tmp_path / FILE).raters()[0].token == link
    other = tmp_path / "other"
    other.mkdir()
    (other / f".{FILE}.0000").write_bytes(b"half of one")  # killed while it was made
    assert opened(other).raters() == []


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(ArenaError, match="no such file"):
        State(tmp_path / FILE)
    (tmp_path / "text.sqlite").write_text("no database, but longer than the header of one " * 20)
    with pytest.raises(ArenaError, match="not an arena's state"):
        State(tmp_path / "text.sqlite")
    sqlite3.connect(tmp_path / "other.sqlite").execute("CREATE TABLE t (x)")
    with pytest.raises(ArenaError, match="not an arena's state"):
        State(tmp_path / "other.sqlite")
    state = opened(tmp_path)
    state.add_rater("Ann")
    for name, why in (("Ann", "already"), ("  ", "1 to 100"), ("x" * 101, "1 to 100"), ("a\x00b", "printable")):
        with pytest.raises(ArenaError, match=why):
            state.add_rater(name)
    same = tmp_path / "same"
    make_folder(same, 1)
    for arm in ("base", "tuned"):
        write_lines(same / f"{arm}.jsonl", [{"id": "p0", "response": "x"}])
    with pytest.raises(ArenaError, match="nothing to compare"):
        State.create(same / FILE, read_contest(same), Plan())
    assert list(same.glob("*.sqlite*")) == [] and list(same.glob(".*")) == []
