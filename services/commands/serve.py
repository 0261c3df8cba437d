"""`rlmr serve`: start one service in this process, or all three as separate processes."""

import importlib
import os
import signal
import subprocess
import sys
from enum import StrEnum

import typer


class Service(StrEnum):
    WRITING_RM = "writing-rm"
    VERIFIER = "verifier"
    AGGREGATOR = "aggregator"
    ALL = "all"


PORTS = {Service.AGGREGATOR: 8000, Service.WRITING_RM: 8001, Service.VERIFIER: 8002}


def serve(
    service: Service = typer.Argument(help="Which service to start."),
    host: str | None = typer.Option(None, help="Address to listen on. Default: RLMR_<SERVICE>_HOST, or 127.0.0.1."),
    port: int | None = typer.Option(None, help="TCP port. Default: RLMR_<SERVICE>_PORT, or 8001, 8002, 8000."),
) -> None:
    """Start a service: writing-rm (8001), verifier (8002), aggregator (8000), or all three as separate processes.

    Every other setting is an environment variable; the service's README lists them.
    """
    if service is Service.ALL:
        if port is not None:
            raise typer.BadParameter("`all` starts three services: set RLMR_<SERVICE>_PORT for each instead of --port")
        raise typer.Exit(_serve_all(host))
    overrides = {k: v for k, v in (("host", host), ("port", port)) if v is not None}
    importlib.import_module(f"services.{service.value.replace('-', '_')}.app").main(**overrides)


def _serve_all(host: str | None) -> int:
    """Three child processes; if one ends, the others are stopped and its exit code is returned."""
    command = [sys.executable, "-m", "rlmr", "serve"]
    extra = ["--host", host] if host else []
    # Groups of their own: Ctrl-C reaches us alone, and each of them gets one signal. A second one would break off what it is answering.
    children = {s: subprocess.Popen([*command, s.value, *extra], process_group=0) for s in PORTS}
    stopping = False

    def stop(signum: int, frame: object) -> None:
        nonlocal stopping
        stopping = True
        for child in children.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)

    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, stop)
    pids = {child.pid: s for s, child in children.items()}
    first, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    children[pids[first]].returncode = code
    if code != 0:
        typer.echo(f"{pids[first].value} ended with exit code {code}: stopping the others", err=True)
    if not stopping:
        stop(signal.SIGTERM, None)
    for child in children.values():
        child.wait()
    return code
