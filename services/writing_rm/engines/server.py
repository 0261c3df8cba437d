"""One engine server: asked only after it has reproduced the golden scores, and watched from then on."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
import orjson
import structlog

from rlmr.wire import Status
from services.writing_rm.engines.base import Failure, Outcome, Text
from services.writing_rm.engines.protocols import EngineMisconfigured, EngineProtocol, ServerInfo
from services.writing_rm.metrics import WritingRmMetrics
from services.writing_rm.model.golden_check import GoldenCheck

log = structlog.get_logger(__name__)


class ServerFailed(Exception):
    """The call failed for reasons that another server, or a later attempt, may not share."""

    def __init__(self, kind: str, reason: str, *, broken: bool = True) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason
        self.broken = broken
        """Whether the server must prove itself again before the next call."""


class RefusedByEngine(Exception):
    """HTTP 400 or 422: something in this call is not to the engine's liking."""


@dataclass(frozen=True)
class Watch:
    """Seconds between checks, and the longest wait for one call."""

    alive: float
    golden: float
    call: float


class EngineServer:
    def __init__(
        self,
        url: str,
        protocol: EngineProtocol,
        session: aiohttp.ClientSession,
        check: GoldenCheck,
        metrics: WritingRmMetrics,
        watch: Watch,
        max_batch_tokens: int,
        proven: asyncio.Event,
    ) -> None:
        """proven: set when this server has reproduced the golden scores for the first time."""
        self.url, self.protocol, self.session, self.check = url, protocol, session, check
        self.metrics, self.watch, self.max_batch_tokens = metrics, watch, max_batch_tokens
        self.proven = proven
        self.info: ServerInfo | None = None
        self.problem: str | None = "not asked yet"
        self.in_flight = 0
        self.needed_tokens = 0
        """A server that takes less is not used: a text must not depend on which server it meets."""
        self._proven_at = 0.0
        self._look_again = asyncio.Event()
        metrics.engine_up.labels(url).set(0)

    async def score(self, texts: Sequence[Text]) -> list[Outcome]:
        """One call; several texts if the engine accepts them together, else one by one. Raises ServerFailed."""
        self.in_flight += len(texts)
        try:
            return await self._score(texts)
        except ServerFailed as exc:
            self.metrics.engine_failures.labels(self.url, exc.kind).inc()
            if exc.broken:
                self._set_problem(exc.reason)
            raise
        finally:
            self.in_flight -= len(texts)

    async def _score(self, texts: Sequence[Text]) -> list[Outcome]:
        try:
            reply = await self._post(orjson.dumps(self.protocol.body([text.ids for text in texts])))
        except RefusedByEngine as exc:
            if len(texts) == 1:
                self.metrics.engine_failures.labels(self.url, "refused").inc()
                return [Failure(Status.INVALID_INPUT, f"the engine refuses this text: {exc}")]
            # One bad text fails the whole call: ask for each alone.
            return [outcome for text in texts for outcome in await self._score([text])]
        try:
            return self.protocol.raws(orjson.loads(reply), len(texts))
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            self.metrics.engine_failures.labels(self.url, "unparseable").inc()
            return [Failure(Status.UNPARSEABLE, f"the engine's answer is not scores: {exc}")] * len(texts)

    async def _post(self, body: bytes) -> bytes:
        try:
            async with self.session.post(
                self.url + self.protocol.score_path,
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=self.watch.call, connect=5),
            ) as answer:
                content = await answer.read()
        except TimeoutError as exc:
            # Leaving closes the connection, on which sglang and vLLM drop the request.
            raise ServerFailed("timeout", f"{self.url}: no answer within {self.watch.call:g} s") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise ServerFailed("connection", f"{self.url}: {type(exc).__name__}: {exc}") from exc
        if answer.status == 200:
            return content
        told = content[:300].decode(errors="replace")
        if answer.status in (400, 413, 422):
            raise RefusedByEngine(told)
        if answer.status in (429, 503):
            raise ServerFailed("overloaded", f"{self.url}: HTTP {answer.status}", broken=False)
        raise ServerFailed("http", f"{self.url}: HTTP {answer.status}: {told}")

    async def keep_watch(self) -> None:
        """Runs for ever: proves the server, notices when it goes away or restarts, proves it again."""
        while True:
            try:
                await self._look()
            except EngineMisconfigured as exc:
                self._set_problem(f"{self.url}: {exc}")
            except TimeoutError:
                self._set_problem(f"{self.url}: does not answer")
            except (aiohttp.ClientError, OSError, ServerFailed, ValueError, KeyError) as exc:
                self._set_problem(f"{self.url}: {exc or type(exc).__name__}")
            self._look_again.clear()
            try:
                async with asyncio.timeout(self.watch.alive):
                    await self._look_again.wait()
                await asyncio.sleep(min(0.5, self.watch.alive))  # it has just failed: give it a moment
            except TimeoutError:
                continue

    async def _look(self) -> None:
        if self.problem is None and time.monotonic() - self._proven_at < self.watch.golden:
            async with self.session.get(
                self.url + self.protocol.alive_path, timeout=aiohttp.ClientTimeout(total=10)
            ) as answer:
                answer.raise_for_status()
            return
        info = await self.protocol.info(self.session, self.url)
        if info.max_tokens < self.needed_tokens:
            raise EngineMisconfigured(
                f"it takes {info.max_tokens} tokens, {self.needed_tokens} are needed: raise --context-length or its memory share"
            )
        report = await self.check.run(self._score, min(self.max_batch_tokens, info.max_tokens))
        self.metrics.golden_error.labels(self.url).set(report.largest_error)
        if report.problems:
            raise EngineMisconfigured("; ".join(report.problems[:3]))
        first = self.problem is not None
        self.info, self.problem, self._proven_at = info, None, time.monotonic()
        self.metrics.engine_up.labels(self.url).set(1)
        self.proven.set()
        if first:
            log.info("engine_proven", url=self.url, engine=info.identity, largest_error=report.largest_error)

    def _set_problem(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("engine_not_used", url=self.url, problem=problem)
        self.problem = problem
        self.metrics.engine_up.labels(self.url).set(0)
        self._look_again.set()
