"""SQLite as the arena's state needs it: the tables, and connections that sync every commit."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE prompt (id TEXT PRIMARY KEY, line TEXT NOT NULL);
CREATE TABLE response (prompt TEXT NOT NULL REFERENCES prompt, arm TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (prompt, arm));
CREATE TABLE rater (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, token TEXT NOT NULL UNIQUE);
CREATE TABLE task (
  rater INTEGER NOT NULL REFERENCES rater, position INTEGER NOT NULL, prompt TEXT NOT NULL REFERENCES prompt,
  first TEXT NOT NULL, second TEXT NOT NULL, swapped INTEGER NOT NULL, repeat INTEGER NOT NULL, shown REAL,
  PRIMARY KEY (rater, position)) WITHOUT ROWID;
CREATE TABLE vote (
  id INTEGER PRIMARY KEY, rater INTEGER NOT NULL, position INTEGER NOT NULL, choice TEXT NOT NULL
  CHECK (choice IN ('left', 'right', 'tie', 'bad')), tags TEXT NOT NULL, seconds REAL NOT NULL, at REAL NOT NULL,
  FOREIGN KEY (rater, position) REFERENCES task);
CREATE INDEX vote_of_task ON vote (rater, position);
-- A corrected vote is a new row: the last one counts, and none is overwritten.
CREATE VIEW counted AS SELECT * FROM vote WHERE id IN (SELECT max(id) FROM vote GROUP BY rater, position);
"""


def connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")  # in WAL mode NORMAL may lose the last commits when the machine loses power
    db.execute("PRAGMA foreign_keys = ON")
    return db


@contextmanager
def writing(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One transaction, which holds the write lock from the start: what it reads is still true when it writes."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
