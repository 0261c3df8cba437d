"""`rlmr doctor`: checks the three services one after the other and says what to do about each thing that is wrong."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import typer

if TYPE_CHECKING:
    from rlmr.wire import RewardReply, ServiceInfo

PROMPT = "Write one sentence about the sea without a comma."
NO_COMMA = [{"type": "punctuation:no_comma", "kwargs": {}}]
RESPONSES = ["The sea was calm that evening.", "The sea, it seemed, was calm."]


@dataclass(frozen=True)
class Finding:
    level: Literal["ok", "warning", "failure"]
    what: str
    remedy: str | None = None


def doctor(
    url: str = typer.Option("http://127.0.0.1:8000", help="Base URL of the aggregator."),
    writing_rm_url: str | None = typer.Option(
        None, help="Base URL of the writing reward model. Default: ask the aggregator."
    ),
    verifier_url: str | None = typer.Option(None, help="Base URL of the verifier. Default: ask the aggregator."),
    timeout: float = typer.Option(60.0, help="Longest wait for one answer, in seconds."),
) -> None:
    """Check that the services are up, ready, of one version, protected by the key, and answer a small request.

    The key is read from RLMR_API_KEY. Exit code 1 if anything fails; warnings leave it at 0.
    """
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    marks = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "failure": "[red]failure[/]"}
    counts = dict.fromkeys(marks, 0)
    for finding in examine(url, writing_rm_url, verifier_url, timeout):
        counts[finding.level] += 1
        console.print(f"{marks[finding.level]}  ", end="")
        console.print(finding.what, markup=False)
        if finding.remedy:
            console.print(f"    -> {finding.remedy}", markup=False)
    console.print(f"{counts['ok']} ok, {counts['warning']} warnings, {counts['failure']} failures")
    raise typer.Exit(1 if counts["failure"] else 0)


def examine(url: str, writing_rm_url: str | None, verifier_url: str | None, timeout: float) -> Iterator[Finding]:
    """Findings in the order of the checks. Only what can still be checked is."""
    info = yield from service("aggregator", url, timeout)
    upstreams = info.details.get("upstreams", {}) if info else {}
    # The aggregator's own idea of the addresses may only make sense inside its network: then give the options.
    yield from service("writing-rm", writing_rm_url or upstreams.get("writing_rm", "http://127.0.0.1:8001"), timeout)
    yield from service("verifier", verifier_url or upstreams.get("verifier", "http://127.0.0.1:8002"), timeout)
    if info:
        yield from round_trip(url, timeout)
    else:
        yield Finding("failure", "round trip: not tried, because the aggregator does not answer")


def service(name: str, url: str, timeout: float) -> "Generator[Finding, None, ServiceInfo | None]":
    """Liveness, identity, version, key, readiness of one service. Returns its ServiceInfo (None if it cannot be had)."""
    from rlmr import __version__
    from rlmr.client import NoAnswer, Refused, RlmrClient

    prefix = f"RLMR_{name.replace('-', '_').upper()}"
    with RlmrClient(url, timeout=timeout, retries=0) as client:
        try:
            ready, reasons = client.ready()
        except NoAnswer as exc:
            start = (
                f"start it with `rlmr serve {name}` ({prefix}_HOST, {prefix}_PORT) or name its address with an option"
            )
            yield Finding("failure", f"{name}: nobody answers: {exc}", start)
            return None
        yield Finding("ok", f"{name}: live at {url}")
        try:
            info: ServiceInfo | None = client.info()
        except Refused as exc:
            remedy = (
                "set RLMR_API_KEY to the key that the services were started with"
                if exc.status == 401
                else "is this address really an RLMR service?"
            )
            yield Finding("failure", f"{name}: {exc}", remedy)
            info = None
        except NoAnswer as exc:
            yield Finding("failure", f"{name}: {exc}", "is this address really an RLMR service?")
            info = None
        if info:
            yield from identity(name, url, info, __version__)
            yield key(name, url, timeout)
        if ready:
            yield Finding("ok", f"{name}: ready")
        else:
            why = "; ".join(reasons)
            yield Finding("failure", f"{name}: not ready: {why}", readiness_remedy(name))
    return info


def identity(name: str, url: str, info: "ServiceInfo", version: str) -> Iterator[Finding]:
    if info.service != name:
        yield Finding("failure", f"{name}: at {url} the {info.service} answers", "swap the addresses")
    if info.version != version:
        what = f"{name}: version {info.version}, this command is {version}"
        yield Finding("warning", what, "install the same version of rlmr here and there")
    else:
        yield Finding("ok", f"{name}: version {info.version}, wire {info.wire}")


def key(name: str, url: str, timeout: float) -> Finding:
    """Whether a caller without the key is turned away."""
    from rlmr.client import RlmrClient, RlmrError

    try:
        with RlmrClient(url, api_key="", timeout=timeout, retries=0) as stranger:
            stranger.info()
    except RlmrError:
        return Finding("ok", f"{name}: asks for the key")
    return Finding(
        "warning", f"{name}: answers without a key", "set RLMR_API_KEY for the services unless the network is private"
    )


def readiness_remedy(name: str) -> str:
    if name == "aggregator":
        return "see the service named above; RLMR_AGGREGATOR_WRITING_RM_URL and RLMR_AGGREGATOR_VERIFIER_URL say where it looks"
    if name == "writing-rm":
        return "wait while it loads; if it stays so, RLMR_WRITING_RM_MODEL_DIR must be a directory made by `rlmr rm export`"
    return "wait a moment; if it stays so, read its log"


def round_trip(url: str, timeout: float) -> Iterator[Finding]:
    """One group of two responses, the second of which breaks a constraint that a rule checks."""
    from rlmr.client import RlmrClient, RlmrError

    group = {"id": "doctor", "prompt": PROMPT, "constraints": NO_COMMA, "responses": RESPONSES}
    try:
        with RlmrClient(url, timeout=timeout, retries=0) as client:
            reply = client.reward([group], strategy="rlmr")
    except RlmrError as exc:
        yield Finding("failure", f"round trip: POST /reward: {exc}", "read the aggregator's log for this request")
        return
    yield judge(reply)


def judge(reply: "RewardReply") -> Finding:
    group = reply.groups[0]
    if not all(group.valid):
        reasons = "; ".join(r for s in group.diagnostics.samples for r in s.reasons[:1])
        return Finding(
            "failure", f"round trip: a sample got no reward: {reasons}", "the reason names the service: read its log"
        )
    if group.violated != [False, True]:
        return Finding(
            "failure",
            f"round trip: violated is {group.violated}, expected [False, True]",
            "the verifier does not check punctuation:no_comma as it should: is it of another version?",
        )
    delta = f", delta {group.delta:.3f}" if group.delta is not None else f", dropped: {group.reason}"
    return Finding("ok", f"round trip: two responses scored and verified, the violator found{delta}")
