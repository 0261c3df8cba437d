"""Runs a plan's stages one after the other, each in a process of its own; what is up to date is passed over."""

import ctypes
import fcntl
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rlmr.mistake import Mistake
from trainer.chain.plan import Plan, PlanError, Stage
from trainer.chain.record import Entry, Record, content, key_of

PATIENCE = 600.0
"""Seconds within which a stage's server has to be ready."""
SPEAK = 60.0
"""Seconds between two lines of a stage's own that are passed on: a run says there how long it will take."""
WAIT = 60.0
"""Seconds that a chain waits for another one in its folder."""
Say = Callable[[str], None]


class StageFailed(Mistake):
    """A stage's command or server ended with an error; the message ends with its last lines and names its log."""


@dataclass(frozen=True)
class _Place:
    work: Path
    lock: int


def _at(say: Say, where: str, text: str) -> None:
    say(f"{where}: {text}")


def run_chain(plan: Plan, plan_folder: Path, work: Path, say: Say, until: str | None = None) -> Record:
    """Makes what is missing or made from other inputs. `until`: the last stage. Raises PlanError, StageFailed."""
    (work / "logs").mkdir(parents=True, exist_ok=True)
    values = {"plan": str(plan_folder.resolve()), "python": shlex.quote(sys.executable)}
    stages = plan.stages
    if until is not None:
        names = [stage.name for stage in stages]
        if until not in names:
            raise PlanError(f"no stage is called {until}: one of {', '.join(names)}")
        stages = stages[: names.index(until) + 1]
    with _alone(work, say) as lock:
        record = Record(work, plan.name)
        for i, stage in enumerate(stages, 1):
            where = f"[{i}/{len(stages)}] {stage.name}"
            needed = [_needed(work / text.format(**values), stage) for text in stage.needs]
            key = key_of(stage, values, needed)
            entry = record.entries.get(stage.name)
            if entry is not None and entry.key == key and entry.done and _unchanged(entry, work):
                say(f"{where}: up to date")
            else:
                entry = _make(stage, key, entry, values, record, _Place(work, lock), partial(_at, say, where))
            if stage.prints:
                values[stage.prints] = entry.printed
    return record


@contextmanager
def _alone(work: Path, say: Say) -> Iterator[int]:
    """One chain a folder: the lock's descriptor. A stage holds it too, so that what a killed chain left is waited for until it has ended."""
    with (work / ".lock").open("w") as file:
        deadline, said = time.monotonic() + WAIT, False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise PlanError(f"another chain is at work in {work}: choose another folder with --work") from None
                if not said:
                    say(f"another chain, or a stage of one that was killed, is at work in {work}: waiting {WAIT:.0f} s")
                said = True
                time.sleep(0.25)
        yield file.fileno()


def _needed(path: Path, stage: Stage) -> Path:
    if not path.exists():
        raise PlanError(f"stage {stage.name}: needs {path}, which is not there, and no stage before it made it")
    return path


def _unchanged(entry: Entry, work: Path) -> bool:
    return all((work / path).exists() and content(work / path) == found for path, found in entry.made.items())


def _make(
    stage: Stage, key: str, before: Entry | None, values: dict[str, str], record: Record, place: _Place, say: Say
) -> Entry:
    work = place.work
    taken_up = before is not None and before.key == key and not before.done
    entry = before if before is not None and taken_up else Entry(key)
    if before is not None and not taken_up:
        # Made from other inputs, or changed since: what is left of it must not pass for the new. What lies elsewhere (a cache) is not ours.
        for path in before.made:
            if (work / path).resolve().is_relative_to(work):
                _remove(work / path)
    entry.attempts += 1
    record.entries[stage.name] = entry
    record.save()
    resumes = taken_up and stage.resume is not None and (work / stage.resume.where.format(**values)).exists()
    text = stage.resume.run if resumes and stage.resume is not None else stage.run
    log = work / "logs" / f"{stage.name}.log"
    say(("goes on" if resumes else "again" if taken_up else "begins") + f": rlmr {text.format(**values, port='PORT')}")
    started = time.monotonic()
    try:
        with _server(stage, values, work) as port:
            command = [sys.executable, "-m", "rlmr", *shlex.split(text.format(**values, port=port))]
            printed = _run(command, place, log, say)
    finally:
        entry.seconds += time.monotonic() - started
        record.save()
    entry.printed = printed if stage.prints else ""
    found = {**values, **({stage.prints: entry.printed} if stage.prints else {})}
    paths = [path.format(**found) for path in stage.makes]
    if missing := [path for path in paths if not (work / path).exists()]:
        raise StageFailed(f"stage {stage.name} ended well and did not make {', '.join(missing)}; its log is {log}")
    entry.made, entry.done = {path: content(work / path) for path in paths}, True
    record.save()
    say(f"done in {entry.seconds:.0f} s")
    return entry


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _run(command: Sequence[str], place: _Place, log: Path, say: Say) -> str:
    """The last line the command prints. Its output is added to `log`; a line of it is said now and then."""
    with (
        log.open("a", encoding="utf-8", errors="replace") as out,
        subprocess.Popen(
            command, cwd=place.work, env=_environment(), stdout=subprocess.PIPE, stderr=out, text=True, errors="replace",
            pass_fds=(place.lock,), preexec_fn=_dies_with_us(),
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        last, told = "", time.monotonic()
        try:
            for line in process.stdout:
                out.write(line)
                out.flush()
                last = line.strip() or last
                if time.monotonic() > told + SPEAK:
                    told = time.monotonic()
                    say(last)
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
        raise StageFailed(
            f"rlmr {shlex.join(command[3:])} ended with exit code {process.returncode}; its log is {log}:\n{tail}"
        )
    return last


def _environment() -> dict[str, str]:
    """This process's, with this very code first on the path: the stages run in another folder."""
    root = str(Path(__file__).resolve().parents[2])
    python_path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
    return {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONPATH": python_path}


def _dies_with_us() -> Callable[[], None] | None:
    """On Linux, a stage gets SIGTERM when the chain is killed: a resumed one must not meet it at work on the same files."""
    if sys.platform != "linux":
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(143)

    return ask


@contextmanager
def _server(stage: Stage, values: dict[str, str], work: Path) -> Iterator[int]:
    """Port of the stage's server, once it is ready; 0 without one."""
    if stage.serve is None:
        yield 0
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    log = work / "logs" / f"{stage.name}.server.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            shlex.split(stage.serve.format(**values, port=port)),
            cwd=work, env=_environment(), stdout=out, stderr=out, start_new_session=True, preexec_fn=_dies_with_us(),
        )  # fmt: skip
    try:
        _wait(process, f"http://127.0.0.1:{port}{stage.ready}", stage, log)
        yield port
    finally:
        _end(process)


def _wait(process: "subprocess.Popen[bytes]", url: str, stage: Stage, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.25)
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
    raise StageFailed(f"stage {stage.name}: its server is not ready; its log is {log}:\n{tail}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """The server and all it has started."""
    for sign, patience in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 20.0)):
        try:
            os.killpg(process.pid, sign)
            process.wait(timeout=patience)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
