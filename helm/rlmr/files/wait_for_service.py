"""preStop of an engine container: returns when our service in the same pod is gone, or when it is clear that it stays.

When the pod ends, both containers get SIGTERM at once, but requests that the service still finishes need the engine. The service is
gone when it no longer listens and holds no connection to the engine; the pod shares one network namespace, so both show in /proc/net.
When only the engine is stopped, because its probe failed, the service goes on and says so: its /readyz does not speak of shutting
down. Then nothing is waited for: a hung engine would otherwise be restarted only after the pod's whole grace period.
Arguments: the service's port, the engine's port, seconds after which a pod that ends has told its service (its preStopSeconds).
"""

import sys
import time
import urllib.error
import urllib.request

LISTEN, ESTABLISHED = "0A", "01"
service, engine = (int(port) for port in sys.argv[1:3])
told_after = time.monotonic() + float(sys.argv[3]) + 3


def service_alive() -> bool:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as lines:  # noqa: PTH123 (runs in the engine's image: builtins only)
                rows = [line.split()[1:4] for line in list(lines)[1:]]
        except FileNotFoundError:  # a kernel without IPv6
            continue
        for local, remote, state in rows:
            if state == LISTEN and int(local.rpartition(":")[2], 16) == service:
                return True
            if state == ESTABLISHED and int(remote.rpartition(":")[2], 16) == engine:
                return True
    return False


def service_stays() -> bool:
    """The service answers and is not shutting down. No answer proves nothing: it may be busy."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{service}/readyz", timeout=5) as reply:
            said = reply.read()
    except urllib.error.HTTPError as refusal:
        said = refusal.read()
    except OSError:
        return False
    return b"shutting down" not in said


while service_alive():
    if time.monotonic() > told_after and service_stays():
        break
    time.sleep(0.5)
