"""Init container of a pod whose model lies on a shared claim: ends when the directory is complete.

Arguments: the directory, the Job that writes it (for the message).
"""

import os
import sys
import time

target, job = sys.argv[1:3]
started = said = time.monotonic()
while not os.path.exists(os.path.join(target, ".rlmr-complete")):  # noqa: PTH110, PTH118 (runs in the engine's image)
    if time.monotonic() - said > 30:
        said = time.monotonic()
        print(f"{said - started:.0f} s: waiting for {target}; job {job} writes it (kubectl logs job/{job})", flush=True)
    time.sleep(1)
