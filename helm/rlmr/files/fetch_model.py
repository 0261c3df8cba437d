"""Downloads one revision of a model from a hub into TARGET, once for all who share the volume.

Environment: MODEL, REVISION, TARGET; LOCK_SECONDS, after which a lock whose owner no longer renews it is taken over.
The files go to TARGET.part, where a download that was cut off goes on, and get the final name when they are all there with the
marker .rlmr-complete: a reader sees the whole directory or none. The lock is a directory, because making one is atomic on every
file system; its age is measured on the volume's own clock.
"""

import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path

target = Path(os.environ["TARGET"])
part, lock = target.with_name(target.name + ".part"), target.with_name(target.name + ".lock")
marker = ".rlmr-complete"
patience = float(os.environ.get("LOCK_SECONDS", "120"))


def complete() -> bool:
    return (target / marker).exists()


def age() -> float:
    """Seconds since the lock was renewed; 0 when it is gone."""
    probe = target.with_name(f"{target.name}.clock-{os.uname().nodename}-{os.getpid()}")
    probe.touch()
    try:
        return probe.stat().st_mtime - lock.stat().st_mtime
    except FileNotFoundError:
        return 0.0
    finally:
        probe.unlink(missing_ok=True)


def locked() -> bool:
    try:
        lock.mkdir()
    except FileExistsError:
        if age() > patience:
            print(f"{lock} has not been renewed for {patience:.0f} s: its owner is gone, taking over", flush=True)
            try:
                # Of several who take over, one can rename it away.
                dead = lock.with_name(f"{lock.name}.dead-{os.uname().nodename}-{os.getpid()}")
                lock.rename(dead)
                dead.rmdir()
            except FileNotFoundError:
                pass
        return False
    return True


def renew(done: threading.Event) -> None:
    while not done.wait(patience / 6):
        os.utime(lock)


def download() -> None:
    from huggingface_hub import snapshot_download

    snapshot_download(os.environ["MODEL"], revision=os.environ["REVISION"], local_dir=part)
    shutil.rmtree(part / ".cache", ignore_errors=True)
    sizes = {str(p.relative_to(part)): p.stat().st_size for p in sorted(part.rglob("*")) if p.is_file()}
    (part / marker).write_text(
        json.dumps({"model": os.environ["MODEL"], "revision": os.environ["REVISION"], "files": sizes})
    )
    os.sync()
    part.rename(target)


target.parent.mkdir(parents=True, exist_ok=True)
while not complete():
    if not locked():
        time.sleep(min(2.0, patience / 6))
        continue
    done = threading.Event()
    renewing = threading.Thread(target=renew, args=(done,), daemon=True)
    renewing.start()
    try:
        if not complete():
            download()
    except Exception as error:  # noqa: BLE001 (every cause is the operator's to read; the container is started again)
        sys.exit(f"{os.environ['MODEL']}@{os.environ['REVISION']}: {type(error).__name__}: {error}")
    finally:
        done.set()
        renewing.join()
        lock.rmdir()
print(f"{target} is complete", flush=True)
