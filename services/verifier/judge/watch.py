"""Whether the judge can answer: it is served, it knows the golden verdicts, and its last calls did not all fail."""

import asyncio
import math
import time

import structlog

from services.verifier.judge.endpoint import ChatEndpoint, JudgeFailure, NotServed
from services.verifier.judge.golden import ITEMS, GoldenItem, golden_report
from services.verifier.judge.judge import Judge
from services.verifier.judge.question import JudgedText
from services.verifier.metrics import VerifierMetrics
from services.verifier.settings import VerifierSettings

log = structlog.get_logger(__name__)

_AGAIN_SECONDS = 60.0
"""Between two golden checks of a judge that was wrong."""


class JudgeWatch:
    """Looks every few seconds, in a task of its own: a probe never waits for the judge."""

    def __init__(
        self, judge: Judge, endpoint: ChatEndpoint, settings: VerifierSettings, metrics: VerifierMetrics
    ) -> None:
        self._judge, self._endpoint, self._settings, self._metrics = judge, endpoint, settings, metrics
        self._golden_every = settings.judge_golden_minutes * 60 or math.inf
        self._golden_due = time.monotonic() if settings.judge_golden_minutes else math.inf
        self._not_served: str | None = "judge: not asked yet"
        self._not_golden: str | None = "judge: golden verdicts not asked yet" if settings.judge_golden_minutes else None
        self._looked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="watch-judge")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def first_look(self) -> None:
        """Returns when the endpoint has been asked once which models it serves: a few seconds at most. Before that the judge's
        identity is not known."""
        await self._looked.wait()

    def problem(self) -> str | None:
        """Why the judge's verdicts are not to be had or not to be believed now; None if they are."""
        return self._not_served or self._not_golden or self._failing()

    def _failing(self) -> str | None:
        failed, last = self._endpoint.failed_in_row, self._endpoint.last_failure
        if failed < self._settings.judge_failed_calls:
            return None
        return f"judge: the last {failed} calls failed, the last one with: {last}"

    async def _run(self) -> None:
        while True:
            before = self.problem()
            try:
                await self._look()
            except Exception as exc:
                log.exception("judge_watch_failed")
                self._not_served = f"judge: the watch failed: {type(exc).__name__}: {exc}"
            self._looked.set()
            if self.problem() != before:
                log.info("judge_state", problem=self.problem(), judge=self._judge.identity)
            await asyncio.sleep(self._settings.judge_check_seconds)

    async def _look(self) -> None:
        try:
            served = await self._endpoint.served()
        except NotServed as exc:
            self._not_served = str(exc)
            return
        self._not_served = None
        if served != self._judge.served:
            if self._settings.judge_golden_minutes:
                self._golden_due = time.monotonic()
                self._not_golden = "judge: golden verdicts not asked yet of the model that is served now"
            self._judge.served = served
        self._looked.set()
        if time.monotonic() >= self._golden_due:
            await self._ask_golden()
        elif self._failing():
            # No traffic comes to a service that is not ready: somebody must find out that the judge is back.
            try:
                await self._ask(ITEMS[0])
            except JudgeFailure as failure:
                log.info("judge_still_fails", reason=failure.reason)

    async def _ask_golden(self) -> None:
        report = await golden_report(self._ask)
        if report.unasked:
            # Overloaded or away, which is no judgement: what was known of it stands, and the next look asks again.
            if self._not_golden is not None:
                self._not_golden = f"judge: golden verdicts: no answer: {report.unasked[0]}"
            return
        self._metrics.judge_golden_wrong.set(report.wrong_share)
        allowed = self._settings.judge_golden_wrong_share
        self._not_golden = None
        if report.wrong_share > allowed:
            self._not_golden = (
                f"judge: {len(report.wrong)} of {len(ITEMS)} golden verdicts are wrong, at most {allowed:.0%} may be "
                f"(JUDGE_GOLDEN_WRONG_SHARE): {'; '.join(report.wrong[:3])}"
            )
        log.info("judge_golden", wrong=report.wrong, allowed=allowed)
        again = min(self._golden_every, _AGAIN_SECONDS) if self._not_golden else self._golden_every
        self._golden_due = time.monotonic() + again

    async def _ask(self, item: GoldenItem) -> bool:
        judged = JudgedText.of(item.prompt, item.response)
        if self._settings.judge_mode == "paper":
            verdict = await self._judge.ask_all(judged, [item.constraint], purpose="golden", queue=False)
        else:
            verdict = await self._judge.ask(judged, item.constraint, purpose="golden", queue=False)
        return verdict.passed
