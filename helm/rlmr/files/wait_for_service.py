"""preStop of an engine container: returns when our service in the same pod is gone.

Both containers get SIGTERM at once, but requests that the service still finishes need the engine. The service is gone when it
no longer listens and holds no connection to the engine; the pod shares one network namespace, so both show in /proc/net.
Arguments: the service's port, the engine's port.
"""

import sys
import time

LISTEN, ESTABLISHED = "0A", "01"
service, engine = (int(port) for port in sys.argv[1:3])


def service_alive() -> bool:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as lines:  # noqa: PTH123 (runs in the engine's image: builtins only)
            for line in list(lines)[1:]:
                local, remote, state = line.split()[1:4]
                if state == LISTEN and int(local.rpartition(":")[2], 16) == service:
                    return True
                if state == ESTABLISHED and int(remote.rpartition(":")[2], 16) == engine:
                    return True
    return False


while service_alive():
    time.sleep(0.5)
