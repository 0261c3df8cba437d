"""The one file of state of an arena: texts, raters with their tasks, and votes, in SQLite.

A vote is on disk (write-ahead log, synced) before it is acknowledged. Everything random is drawn once and stored, so that a restart
changes nothing. Several processes may work on the file at once.
"""

import hmac
import json
import random
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from rlmr.mistake import Mistake
from trainer.arena.assignment import Comparison, chosen, comparisons, tasks
from trainer.arena.database import TABLES, connect, writing
from trainer.arena.folder import Contest, PromptLine
from trainer.arena.statistics import Ballot, Choice

FILE = "arena.sqlite"
VERSION = 1
TAGS = ("request", "content", "structure", "language", "originality", "emotion", "length")
"""Reasons that the page knows in every language of its interface."""

_RATERS = """SELECT id, name, token, (SELECT count(*) FROM task WHERE rater = r.id),
  (SELECT count(DISTINCT position) FROM vote WHERE rater = r.id) FROM rater r"""

_LAST = "FROM vote WHERE rater = ? AND position = ? ORDER BY id DESC LIMIT 1"
_SHOWN = "UPDATE task SET shown = ? WHERE rater = ? AND position = ? AND shown IS NULL"


class ArenaError(Mistake):
    """What is wrong with the state, and the remedy."""


class Plan(BaseModel):
    """What is fixed when the state is made."""

    model_config = ConfigDict(extra="forbid")

    pairs: int | None = Field(default=None, ge=1, description="Pairs of a rater; None = all.")
    votes: int = Field(
        default=3, ge=1, description="Raters that a pair gets before a new one is begun, where raters do not see all."
    )
    repeats: float = Field(default=0.1, ge=0, le=1, description="Share of a rater's pairs that come again, hidden.")
    least_seconds: float = Field(default=5, ge=0, le=600, description="Least reading time of a pair, in seconds.")
    tags: tuple[Annotated[str, Field(pattern=r"^[^\s;][^\n;]{0,39}$")], ...] = Field(
        default=TAGS, max_length=12, description="Reasons to choose from: up to 40 characters each, no semicolon."
    )
    seed: int = 0

    @field_validator("tags")
    @classmethod
    def _no_tag_twice(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(tags)) != len(tags):
            raise ValueError("a tag stands there twice")
        return tags


@dataclass(frozen=True)
class Rater:
    id: int
    name: str
    token: str
    tasks: int
    done: int


class TooEarly(Exception):
    def __init__(self, seconds: float) -> None:
        super().__init__(f"read for {seconds:.0f} more seconds")
        self.seconds = seconds


class AlreadyVoted(Exception):
    """This task has another vote, and the caller did not say that it corrects it."""


class NoSuchTask(Exception):
    """The task is not the rater's next, nor one voted on."""


class State:
    """All reads and writes. Safe to call from several threads."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Opens what `create` made."""
        if not path.is_file():
            raise ArenaError(f"{path}: no such file: `rlmr arena serve FOLDER` makes it")
        self.path, self.clock, self._lock = path, clock, threading.Lock()
        try:
            self._db = connect(path)
            version = self._meta("version")
            if version != VERSION:
                raise ArenaError(f"{path}: state of version {version}, this program reads version {VERSION}")
            self.plan = Plan.model_validate(self._meta("plan"))
            self.admin_key: str = self._meta("admin_key")
            self.digest: str = self._meta("digest")
        except (sqlite3.DatabaseError, ValidationError, TypeError) as exc:
            raise ArenaError(f"{path}: not an arena's state: {exc}") from exc

    @classmethod
    def create(cls, path: Path, contest: Contest, plan: Plan) -> None:
        """A new state, whole or not at all: the file appears under its name when everything is in it. Where another process was
        quicker, its state stays, for its links may have been handed out."""
        pairs = comparisons(contest)
        if not pairs:
            raise ArenaError("all arms give the same responses: there is nothing to compare")
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            db = connect(draft)
            db.executescript(TABLES)
            with writing(db):
                meta = {"version": VERSION, "plan": plan.model_dump(mode="json"), "digest": contest.digest, "admin_key": secrets.token_urlsafe(24)}  # fmt: skip
                db.executemany("INSERT INTO meta VALUES (?, ?)", [(k, json.dumps(v)) for k, v in meta.items()])
                db.executemany("INSERT INTO prompt VALUES (?, ?)", [(p.id, p.model_dump_json()) for p in contest.prompts.values()])  # fmt: skip
                rows = [(prompt, arm, text) for arm, texts in contest.arms.items() for prompt, text in texts.items()]
                db.executemany("INSERT INTO response VALUES (?, ?, ?)", rows)
            db.execute("PRAGMA journal_mode = DELETE")  # one file to move
            db.close()
            draft.chmod(0o600)  # it holds every rater's link
            with suppress(FileExistsError):
                path.hardlink_to(draft)
        except (sqlite3.Error, OSError) as exc:
            raise ArenaError(f"{path}: cannot be written: {exc}: give --state another file") from exc
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # Who may do what.

    def is_admin(self, key: str) -> bool:
        return hmac.compare_digest(key.encode(), self.admin_key.encode())

    def rater_of(self, token: str) -> Rater | None:
        """Compares with every rater's token, in constant time each, so that how long it takes tells nothing."""
        found = None
        for id, own in self._all("SELECT id, token FROM rater"):
            if hmac.compare_digest(token.encode(), own.encode()):
                found = id
        return None if found is None else Rater(*self._one(f"{_RATERS} WHERE id = ?", found))

    def raters(self) -> list[Rater]:
        return [Rater(*row) for row in self._all(f"{_RATERS} ORDER BY id")]

    def add_rater(self, name: str) -> Rater:
        """With a token and tasks of their own. Raises ArenaError if the name is taken or empty."""
        name = name.strip()
        if not name or len(name) > 100 or not name.isprintable() or name == "standing":
            raise ArenaError("a rater's name has 1 to 100 printable characters and is not `standing`, the owner's link")
        pairs = self.comparisons()
        with self._lock, writing(self._db) as db:
            if db.execute("SELECT 1 FROM rater WHERE name = ?", (name,)).fetchone():
                raise ArenaError(f"there is a rater {name!r} already")
            token = secrets.token_urlsafe(24)
            id = db.execute("INSERT INTO rater (name, token) VALUES (?, ?)", (name, token)).lastrowid
            rng = random.Random(f"{self.plan.seed}:{id}")
            where = {pair: i for i, pair in enumerate(pairs)}
            taken = {
                where[Comparison(*row[:3])]: row[3]
                for row in db.execute("SELECT prompt, first, second, count(DISTINCT rater) FROM task GROUP BY 1, 2, 3")
            }
            indices = chosen(self.plan.pairs or len(pairs), taken, len(pairs), self.plan.votes, rng)
            own = tasks(indices, pairs, self.plan.repeats, rng)
            rows = [
                (id, position, *_key(pairs[task.comparison]), task.swapped, task.repeat)
                for position, task in enumerate(own)
            ]
            db.executemany("INSERT INTO task VALUES (?, ?, ?, ?, ?, ?, ?, NULL)", rows)
        assert id is not None
        return Rater(id, name, token, len(own), 0)

    # What a rater sees and does.

    def show(self, rater: Rater, position: int | None = None) -> dict[str, Any] | None:
        """The task at `position`, or the rater's next; None when all are done. Starts its reading time.

        Holds nothing that tells an arm: only texts, left and right."""
        at = rater.done if position is None else position
        if position is None and at == rater.tasks:
            return None
        row = self._task(rater, at)
        if (shown := row["shown"]) is None:
            with self._lock, writing(self._db) as db:
                db.execute(_SHOWN, (self.clock(), rater.id, at))
            shown = self._task(rater, at)["shown"]
        vote = self._one(f"SELECT choice, tags {_LAST}", rater.id, at)
        left = self.plan.least_seconds - (self.clock() - shown)
        line = json.loads(self._one("SELECT line FROM prompt WHERE id = ?", row["prompt"])[0])
        sides = (row["second"], row["first"]) if row["swapped"] else (row["first"], row["second"])
        return {
            "position": at,
            "prompt": line["prompt"],
            "left": self._response(row["prompt"], sides[0]),
            "right": self._response(row["prompt"], sides[1]),
            "wait": min(max(0.0, left), self.plan.least_seconds) if vote is None else 0.0,
            "vote": {"choice": vote[0], "tags": json.loads(vote[1])} if vote else None,
        }

    def vote(self, rater: Rater, position: int, choice: Choice, tags: Sequence[str], correct: bool = False) -> None:
        """On disk when this returns. The same vote twice is one vote: a reply that was lost may be asked for again.

        Raises NoSuchTask, TooEarly, AlreadyVoted."""
        told = json.dumps(sorted(set(tags)))
        with self._lock, writing(self._db) as db:
            done = db.execute("SELECT count(DISTINCT position) FROM vote WHERE rater = ?", (rater.id,)).fetchone()[0]
            task = db.execute(
                "SELECT shown FROM task WHERE rater = ? AND position = ?", (rater.id, position)
            ).fetchone()
            if task is None or task[0] is None or position > done:
                raise NoSuchTask
            now = self.clock()
            before = db.execute(f"SELECT choice, tags, seconds {_LAST}", (rater.id, position)).fetchone()
            if before is not None and before[:2] == (choice, told):
                return
            if before is not None and not correct:
                raise AlreadyVoted
            if before is None and (left := self.plan.least_seconds - (now - task[0])) > 0:
                raise TooEarly(left)
            seconds = now - task[0] if before is None else before[2]  # a correction does not change how long was read
            db.execute(
                "INSERT INTO vote (rater, position, choice, tags, seconds, at) VALUES (?, ?, ?, ?, ?, ?)",
                (rater.id, position, choice, told, seconds, now),
            )
            db.execute(_SHOWN, (now, rater.id, position + 1))  # the reply to a vote is the next task: one sync for both

    # What the votes are about.

    def comparisons(self) -> list[Comparison]:
        return comparisons(self.contest())

    def contest(self) -> Contest:
        prompts = {id: PromptLine.model_validate_json(line) for id, line in self._all("SELECT id, line FROM prompt ORDER BY rowid")}  # fmt: skip
        arms: dict[str, dict[str, str]] = {}
        for prompt, arm, text in self._all("SELECT prompt, arm, text FROM response ORDER BY arm, rowid"):
            arms.setdefault(arm, {})[prompt] = text
        return Contest(prompts, arms)

    def edition(self) -> tuple[int, int]:
        """Changes with every vote and every rater."""
        votes, raters = self._one("SELECT (SELECT max(id) FROM vote), (SELECT count(*) FROM rater)")
        return votes or 0, raters

    def ballots(self) -> list[Ballot]:
        query = """SELECT name, prompt, first, second, swapped, repeat, choice, tags, seconds, at
                   FROM counted v JOIN task t USING (rater, position) JOIN rater r ON r.id = v.rater ORDER BY v.rater, v.position"""
        return [
            Ballot(name, Comparison(*pair), bool(swapped), bool(repeat), choice, tuple(json.loads(tags)), seconds, at)
            for name, *pair, swapped, repeat, choice, tags, seconds, at in self._all(query)
        ]

    def _task(self, rater: Rater, position: int) -> sqlite3.Row:
        with self._lock:
            cursor = self._db.cursor()
            cursor.row_factory = sqlite3.Row
            row = cursor.execute("SELECT * FROM task WHERE rater = ? AND position = ?", (rater.id, position)).fetchone()
        if row is None or position > rater.done:
            raise NoSuchTask
        found: sqlite3.Row = row
        return found

    def _response(self, prompt: str, arm: str) -> str:
        return str(self._one("SELECT text FROM response WHERE prompt = ? AND arm = ?", prompt, arm)[0])

    def _meta(self, name: str) -> Any:
        return json.loads(self._one("SELECT value FROM meta WHERE name = ?", name)[0])

    def _one(self, query: str, *values: Any) -> Any:
        with self._lock:
            return self._db.execute(query, values).fetchone()

    def _all(self, query: str) -> list[Any]:
        with self._lock:
            return self._db.execute(query).fetchall()


def _key(pair: Comparison) -> tuple[str, str, str]:
    return pair.prompt, pair.first, pair.second
