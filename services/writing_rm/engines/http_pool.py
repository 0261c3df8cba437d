"""sglang or vLLM servers behind the engine contract: groups stay on one server, failures move on, none is believed unproven."""

import asyncio
from collections.abc import Sequence

from rlmr.aiohttp_transport import AiohttpTransport
from rlmr.calls import CallFailed, Endpoints, Policy, call_any
from rlmr.wire import Status
from services.writing_rm.engines.base import Failure, Outcome, Text
from services.writing_rm.engines.protocols import PROTOCOLS
from services.writing_rm.engines.server import EngineServer, Watch
from services.writing_rm.metrics import WritingRmMetrics
from services.writing_rm.model.golden_check import GoldenCheck
from services.writing_rm.settings import WritingRmSettings

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
        self._identity: str = settings.engine

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def max_tokens(self) -> int | None:
        return self._limit

    async def start(self) -> None:
        """Waits, for ever if need be, until one server has proven itself; `problems()` tells why not."""
        settings = self.settings
        proven = asyncio.Event()
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
                proven,
            )
            for url in settings.engine_urls
        ]
        self.endpoints = Endpoints(self.servers, LOAD_FACTOR)
        self._watchers = [asyncio.create_task(s.keep_watch(), name=f"watch {s.url}") for s in self.servers]
        await proven.wait()
        wanted = min(n for n in (self.check.manifest.max_tokens, settings.max_tokens) if n is not None)
        infos = [s.info for s in self.servers if s.info is not None]
        self._limit = min([wanted, *(info.max_tokens for info in infos)])
        self._identity = infos[0].identity
        for server in self.servers:
            server.needed_tokens = self._limit

    async def score(self, texts: Sequence[Text]) -> list[Outcome]:
        prompt = repr(texts[0].group).encode("utf-8", "surrogatepass")
        try:
            return await call_any(
                lambda server, seconds: server.score(texts, seconds),
                self._policy,
                self.endpoints,
                key=prompt,
                work=len(texts),
            )
        except CallFailed as exc:
            # A call that timed out is not tried elsewhere: it would take as long.
            status = Status.TIMEOUT if exc.failure.kind == "timeout" else Status.UNAVAILABLE
            return [Failure(status, str(exc))] * len(texts)

    def problems(self) -> list[str]:
        """Empty while at least one server may be asked."""
        problems = [s.problem for s in self.servers if s.problem is not None]
        return problems if len(problems) == len(self.servers) else []

    async def stop(self) -> None:
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        await self._http.close()
