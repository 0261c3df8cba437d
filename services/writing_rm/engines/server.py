"""One engine server: asked only after it has reproduced the golden scores, and watched from then on."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import orjson
import structlog

from rlmr.aiohttp_transport import AiohttpTransport
from rlmr.calls import AttemptFailed, CallFailed, Endpoint, Policy, call_async
from rlmr.wire import Status
from services.writing_rm.engines.base import Failure, Outcome, Text
from services.writing_rm.engines.protocols import EngineMisconfigured, EngineProtocol, ServerInfo
from services.writing_rm.metrics import WritingRmMetrics
from services.writing_rm.model.golden_check import GoldenCheck

log = structlog.get_logger(__name__)
T = TypeVar("T")

OVERLOADED = (429, 503)
"""Statuses of a server that is well and has too much to do."""
ALIVE_SECONDS = 10.0
CHECK_ATTEMPTS = 2
"""Of each question of a check: one lost packet, or a connection that idled too long, says nothing of a server."""
_METRIC_KINDS = {
    **dict.fromkeys(("no_connection", "stale", "lost"), "connection"),
    **dict.fromkeys(("status", "unreadable"), "http"),
    "timeout": "timeout",
}


class RefusedByEngine(Exception):
    """HTTP 400 or 422: something in this call is not to the engine's liking."""


@dataclass(frozen=True)
class Watch:
    """Seconds between checks, and the longest wait for one call."""

    alive: float
    golden: float
    call: float


class EngineServer(Endpoint):
    """An endpoint that is ejected until it has proven itself again, whatever its failure was."""

    def __init__(
        self,
        url: str,
        protocol: EngineProtocol,
        http: AiohttpTransport,
        check: GoldenCheck,
        metrics: WritingRmMetrics,
        watch: Watch,
        max_batch_tokens: int,
        changed: Callable[[], None],
    ) -> None:
        """changed: called when this server has reproduced the golden scores, and when it is not used any more."""
        super().__init__(url, problem="not asked yet", back_at=math.inf)
        self.protocol, self.http, self.check = protocol, http, check
        self.metrics, self.watch, self.max_batch_tokens = metrics, watch, max_batch_tokens
        self.changed = changed
        self.told: ServerInfo | None = None
        """What it last said of itself, whether that is good enough or not."""
        self.info: ServerInfo | None = None
        """What it said when it was last proven."""
        self.needed_tokens = 0
        """A server that takes less is not used: a text must not depend on which server it meets."""
        self._proven_at = -math.inf
        self._proving = asyncio.Lock()
        self._look_again = asyncio.Event()
        metrics.engine_up.labels(url).set(0)

    async def score(self, texts: Sequence[Text], seconds: float) -> list[Outcome]:
        """One call; several texts if the engine accepts them together, else one by one. Raises AttemptFailed.

        An answer without one score may be the texts' fault or the server's: the golden texts decide, at once. Else a server
        that refuses everything would be the fastest of all, and empty the queue until its next check.
        """
        try:
            outcomes = await self._ask(texts, seconds)
            if not any(isinstance(outcome, float) for outcome in outcomes):
                await self._still_proven(time.monotonic(), outcomes[0])
                if len(texts) > 1 and all(isinstance(o, Failure) and o.status == Status.UNPARSEABLE for o in outcomes):
                    # One NaN makes a whole reply unreadable: which text is it?
                    outcomes = [o for text in texts for o in await self._ask([text], seconds)]
            return outcomes
        except AttemptFailed as failure:
            kind = "overloaded" if failure.status in OVERLOADED else _METRIC_KINDS[failure.kind]
            self.metrics.engine_failures.labels(self.url, kind).inc()
            raise

    def failed(self, failure: AttemptFailed) -> None:
        if failure.status not in OVERLOADED:
            log.warning("engine_failed", url=self.url, reason=str(failure))
            self._set_problem(f"{self.url}: {failure.outline}")

    def succeeded(self) -> None:
        """Says nothing of a server that has failed meanwhile: only the golden scores bring it back."""

    async def _ask(self, texts: Sequence[Text], seconds: float) -> list[Outcome]:
        end = time.monotonic() + seconds
        try:
            reply = await self._post(orjson.dumps(self.protocol.body([text.ids for text in texts])), seconds)
        except RefusedByEngine as exc:
            if len(texts) == 1:
                self.metrics.engine_failures.labels(self.url, "refused").inc()
                return [Failure(Status.INVALID_INPUT, f"the engine refuses this text: {exc}")]
            # One bad text fails the whole call: ask for each alone.
            return [o for text in texts for o in await self._ask([text], max(0.001, end - time.monotonic()))]
        try:
            return self.protocol.raws(orjson.loads(reply), len(texts))
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            self.metrics.engine_failures.labels(self.url, "unparseable").inc()
            return [Failure(Status.UNPARSEABLE, f"the engine's answer is not scores: {exc}")] * len(texts)

    async def _post(self, body: bytes, seconds: float) -> bytes:
        try:
            # Running out of time closes the connection, on which sglang and vLLM drop the request.
            return (await self.http.post(self.url + self.protocol.score_path, body, seconds)).content
        except AttemptFailed as failure:
            if failure.status in (400, 413, 422) and failure.reply is not None:
                log.warning("engine_refused", url=self.url, reason=str(failure))
                raise RefusedByEngine(failure.outline) from failure
            if failure.status is not None and failure.status < 500 and failure.status not in OVERLOADED:
                # A wrong key or path is this server's own trouble: another may do better.
                raise AttemptFailed("unreadable", failure.outline, failure.reply) from failure
            raise

    async def keep_watch(self) -> None:
        """Runs for ever: proves the server, notices when it goes away or restarts, proves it again."""
        while True:
            try:
                await self._look()
            except EngineMisconfigured as exc:
                self._set_problem(f"{self.url}: {exc}")
            except AttemptFailed as failure:
                log.info("engine_not_proven", url=self.url, reason=str(failure))
                self._set_problem(f"{self.url}: {failure.outline}")
            except (ValueError, KeyError, IndexError, TypeError, AttributeError) as exc:
                self._set_problem(f"{self.url}: {exc or type(exc).__name__}")
            except Exception as exc:  # a watch that ends would leave the server in or out of use for ever
                log.exception("engine_watch_failed", url=self.url)
                self._set_problem(f"{self.url}: {type(exc).__name__}: {exc}")
            self._look_again.clear()
            try:
                async with asyncio.timeout(self.watch.alive):
                    await self._look_again.wait()
                await asyncio.sleep(min(0.5, self.watch.alive))  # it has just failed: give it a moment
            except TimeoutError:
                continue

    async def _look(self) -> None:
        if self.problem is None and time.monotonic() - self._proven_at < self.watch.golden:
            await _repeated(lambda s: self.http.get(self.url + self.protocol.alive_path, s), ALIVE_SECONDS)
            return
        self.told = info = await _repeated(lambda s: self.protocol.info(self.http, self.url))
        if info.max_tokens < self.needed_tokens:
            raise EngineMisconfigured(
                f"it takes {info.max_tokens} tokens, {self.needed_tokens} are needed: raise --context-length or its memory share"
            )
        try:
            error = await self._prove(info)
        except AttemptFailed as failure:
            if self.problem is not None or failure.status not in OVERLOADED:
                raise
            return  # at work, not broken: asked again at the next look
        first = self.problem is not None
        self.info = info
        self.restore()
        self.metrics.engine_up.labels(self.url).set(1)
        if first:
            log.info("engine_proven", url=self.url, engine=info.identity, largest_error=error)
        self.changed()

    async def _prove(self, info: ServerInfo) -> float:
        """Largest error in standard deviations. Raises EngineMisconfigured if it does not give the golden scores, AttemptFailed if it gives no answer."""
        report = await self.check.run(
            lambda texts: _repeated(lambda s: self._ask(texts, s), self.watch.call),
            min(self.max_batch_tokens, info.max_tokens),
        )
        self.metrics.golden_error.labels(self.url).set(report.largest_error)
        if report.problems:
            raise EngineMisconfigured("; ".join(report.problems[:3]))
        self._proven_at = time.monotonic()
        return report.largest_error

    async def _still_proven(self, since: float, outcome: Outcome) -> None:
        """Raises AttemptFailed unless it has given the golden scores after `since`."""
        async with self._proving:
            if self._proven_at >= since or self.info is None:
                return
            try:
                await self._prove(self.info)
            except EngineMisconfigured as exc:
                told = outcome.reason if isinstance(outcome, Failure) else ""
                raise AttemptFailed("unreadable", f"{told}; then {exc}") from exc

    def _set_problem(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("engine_not_used", url=self.url, problem=problem)
        self.eject(problem)
        self.metrics.engine_up.labels(self.url).set(0)
        self._look_again.set()
        self.changed()


async def _repeated(attempt: Callable[[float], Awaitable[T]], seconds: float = math.inf) -> T:
    """`attempt`, each time within `seconds`. Raises AttemptFailed."""
    try:
        return await call_async(attempt, Policy(attempts=CHECK_ATTEMPTS, attempt_timeout=seconds, backoff=0.2))
    except CallFailed as exc:
        raise exc.failure from exc
