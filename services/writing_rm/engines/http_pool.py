"""sglang or vLLM servers behind the engine contract: groups stay on one server, failures move on, none is believed unproven."""

import asyncio
from collections.abc import Hashable, Sequence
from hashlib import blake2b

import aiohttp

from rlmr.wire import Status
from services.writing_rm.engines.base import Failure, Outcome, Text
from services.writing_rm.engines.protocols import PROTOCOLS
from services.writing_rm.engines.server import EngineServer, ServerFailed, Watch
from services.writing_rm.metrics import WritingRmMetrics
from services.writing_rm.model.golden_check import GoldenCheck
from services.writing_rm.settings import WritingRmSettings

# A server may hold this many times its fair share of texts before a group goes elsewhere, away from its cached prompt.
LOAD_FACTOR = 1.5


class HttpPool:
    mixes_prompts = False
    share_prefixes = False

    def __init__(self, settings: WritingRmSettings, check: GoldenCheck, metrics: WritingRmMetrics) -> None:
        self.settings, self.check, self.metrics = settings, check, metrics
        self.max_batch_tokens = settings.max_batch_tokens or 16384
        self.slots = settings.engine_concurrency * len(settings.engine_urls)
        self.servers: list[EngineServer] = []
        self._session: aiohttp.ClientSession | None = None
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
        key = settings.engine_api_key
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key else {},
            timeout=aiohttp.ClientTimeout(total=settings.engine_timeout_seconds),
            connector=aiohttp.TCPConnector(limit=0),
        )
        proven = asyncio.Event()
        watch = Watch(settings.engine_check_seconds, settings.golden_check_seconds, settings.engine_timeout_seconds)
        self.servers = [
            EngineServer(
                url,
                PROTOCOLS[settings.engine](),
                self._session,
                self.check,
                self.metrics,
                watch,
                self.max_batch_tokens,
                proven,
            )
            for url in settings.engine_urls
        ]
        self._watchers = [asyncio.create_task(s.keep_watch(), name=f"watch {s.url}") for s in self.servers]
        await proven.wait()
        wanted = min(n for n in (self.check.manifest.max_tokens, settings.max_tokens) if n is not None)
        infos = [s.info for s in self.servers if s.info is not None]
        self._limit = min([wanted, *(info.max_tokens for info in infos)])
        self._identity = infos[0].identity
        for server in self.servers:
            server.needed_tokens = self._limit

    async def score(self, texts: Sequence[Text]) -> list[Outcome]:
        tried: set[str] = set()
        failure: ServerFailed | None = None
        for attempt in range(self.settings.engine_retries + 1):
            server = self._choose(texts[0].group, tried)
            if server is None:
                break
            try:
                return await server.score(texts)
            except ServerFailed as exc:
                failure = exc
                tried.add(server.url)
                if exc.kind == "timeout":
                    return [Failure(Status.TIMEOUT, exc.reason)] * len(texts)  # elsewhere it would take as long
                if not exc.broken:
                    await asyncio.sleep(0.1 * 2**attempt)
        reason = failure.reason if failure else "; ".join(self.problems()) or "no engine server can be asked"
        return [Failure(Status.UNAVAILABLE, reason)] * len(texts)

    def _choose(self, group: Hashable, tried: set[str]) -> EngineServer | None:
        """Rendezvous hashing with bounded load: the same prompt meets the same server while that one is not overloaded."""
        usable = [s for s in self.servers if s.problem is None]
        fresh = [s for s in usable if s.url not in tried] or usable
        if not fresh:
            return None
        prompt = repr(group).encode("utf-8", "surrogatepass")
        ranked = sorted(fresh, key=lambda s: blake2b(prompt, key=s.url.encode()[:64], digest_size=8).digest())
        bound = LOAD_FACTOR * (sum(s.in_flight for s in fresh) + 1) / len(fresh)
        return next((s for s in ranked if s.in_flight <= bound), ranked[0])

    def problems(self) -> list[str]:
        """Empty while at least one server may be asked."""
        problems = [s.problem for s in self.servers if s.problem is not None]
        return problems if len(problems) == len(self.servers) else []

    async def stop(self) -> None:
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
