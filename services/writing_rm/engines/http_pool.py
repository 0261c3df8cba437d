"""sglang or vLLM servers behind the engine contract: groups stay on one server, failures move on, none is believed unproven."""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from rlmr.aiohttp_transport import AiohttpTransport
from rlmr.calls import AttemptFailed, CallFailed, Endpoints, Policy, call_any
from rlmr.wire import Status
from services.writing_rm.engines.base import Lost, Outcome, Text
from services.writing_rm.engines.protocols import PROTOCOLS
from services.writing_rm.engines.server import OVERLOADED, EngineServer, Watch
from services.writing_rm.engines.usable import Usable
from services.writing_rm.metrics import WritingRmMetrics
from services.writing_rm.model.golden_check import GoldenCheck
from services.writing_rm.settings import WritingRmSettings

log = structlog.get_logger(__name__)

# A server may hold this many times its fair share of texts before a group goes elsewhere, away from its cached prompt.
LOAD_FACTOR = 1.5
# sglang and vLLM (uvicorn's default) close an idle connection after 5 s: we close it first.
KEEP_ALIVE_SECONDS = 4.0


class HttpPool:
    mixes_prompts = False
    share_prefixes = False

    def __init__(self, settings: WritingRmSettings, check: GoldenCheck, metrics: WritingRmMetrics) -> None:
        self.settings, self.check, self.metrics = settings, check, metrics
        self.max_batch_tokens = settings.max_batch_tokens or 16384
        self.slots = settings.engine_concurrency * len(settings.engine_urls)
        self.servers: list[EngineServer] = []
        self.usable = Usable()
        key = settings.engine_api_key
        self._http = AiohttpTransport(api_key=key.get_secret_value() if key else None, keep_alive=KEEP_ALIVE_SECONDS)
        self.endpoints: Endpoints[EngineServer] = Endpoints([], LOAD_FACTOR)
        self._policy = Policy(
            attempts=settings.engine_retries + 1,
            attempt_timeout=settings.engine_timeout_seconds,
            backoff=0.2,
            repeat_unreadable=True,
        )
        self._watchers: list[asyncio.Task[None]] = []
        self._limit: int | None = None
        self._disagreements: list[str] = []

    @property
    def identity(self) -> str:
        """Of the servers in use; all of them where they differ, for a score may come from any."""
        proven = [(s.info.identity, s.problem is None) for s in self.servers if s.info is not None]
        told = {identity for identity, in_use in proven if in_use} or {identity for identity, _ in proven}
        return " or ".join(sorted(told)) or self.settings.engine

    @property
    def max_tokens(self) -> int | None:
        return self._limit

    async def start(self) -> None:
        """Waits, for ever if need be, until one server has proven itself; `problems()` tells why not."""
        settings = self.settings
        watch = Watch(settings.engine_check_seconds, settings.golden_check_seconds, settings.engine_timeout_seconds)
        self.servers = [
            EngineServer(
                url,
                PROTOCOLS[settings.engine](),
                self._http,
                self.check,
                self.metrics,
                watch,
                self.max_batch_tokens,
                self._changed,
            )
            for url in settings.engine_urls
        ]
        self.endpoints = Endpoints(self.servers, LOAD_FACTOR)
        self._watchers = [asyncio.create_task(s.keep_watch(), name=f"watch {s.url}") for s in self.servers]
        await self.usable.wait()
        wanted = min(n for n in (self.check.manifest.max_tokens, settings.max_tokens) if n is not None)
        infos = [s.info for s in self.servers if s.info is not None]
        self._limit = min([wanted, *(info.max_tokens for info in infos)])
        for server in self.servers:
            server.needed_tokens = self._limit

    def _changed(self) -> None:
        """A server was proven, or is not used any more."""
        if any(s.problem is None for s in self.servers):
            self.usable.yes()
        else:
            self.usable.no("; ".join(s.problem for s in self.servers if s.problem))
        found = _disagreements(self.servers)
        self.metrics.engines_disagree.set(bool(found))
        if found and found != self._disagreements:
            log.warning("engines_disagree", differences=found)
        self._disagreements = found

    async def score(self, texts: Sequence[Text]) -> list[Outcome]:
        prompt = repr(texts[0].group).encode("utf-8", "surrogatepass")
        failures: list[AttemptFailed] = []
        try:
            return await call_any(
                lambda server, seconds: server.score(texts, seconds),
                self._policy,
                self.endpoints,
                key=prompt,
                work=len(texts),
                on_retry=lambda failure, wait: failures.append(failure),
            )
        except CallFailed as exc:
            # A call that timed out is not tried elsewhere at once: it would take as long. The queue repeats it in smaller calls.
            status = Status.TIMEOUT if exc.failure.kind == "timeout" else Status.UNAVAILABLE
            suspect = any(map(_reached_the_engine, [*failures, exc.failure]))
            return [Lost(status, str(exc), suspect)] * len(texts)

    def problems(self) -> list[str]:
        """Empty while at least one server may be asked."""
        problems = [s.problem for s in self.servers if s.problem is not None]
        return problems if len(problems) == len(self.servers) else []

    def remarks(self) -> list[str]:
        """Which of several servers are not in use, and how those that were proven differ."""
        away = [f"not in use: {s.problem}" for s in self.servers if s.problem is not None]
        return ([] if len(away) == len(self.servers) else away) + self._disagreements

    def details(self) -> dict[str, Any]:
        return {
            "engines": [
                {
                    "url": s.url,
                    "problem": s.problem,
                    "identity": s.told.identity if s.told else None,
                    "model": s.told.model if s.told else None,
                    "max_tokens": s.told.max_tokens if s.told else None,
                }
                for s in self.servers
            ],
            "engines_disagree": self._disagreements,
        }

    async def stop(self) -> None:
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        await self._http.close()


def _reached_the_engine(failure: AttemptFailed) -> bool:
    """Whether the texts of this attempt may be what broke it."""
    if failure.status is not None:
        return failure.status >= 500 and failure.status not in OVERLOADED
    return failure.kind in ("lost", "timeout", "unreadable")


def _disagreements(servers: Sequence[EngineServer]) -> list[str]:
    """One line per property in which servers differ, by what each last said of itself; refused ones speak too."""
    lines = []
    for name, what in (("identity", "version"), ("model", "model"), ("max_tokens", "longest text in tokens")):
        told = {s.url: getattr(s.told, name) for s in servers if s.told is not None}
        if len(set(told.values())) > 1:
            each = ", ".join(f"{value} at {url}" for url, value in told.items())
            lines.append(f"the engines differ in {what}: {each}; run one version with one configuration")
    return lines
