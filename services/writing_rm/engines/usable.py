"""Whether an engine can be asked now, for how long it could not, and a place to wait until it can."""

import asyncio
import time


class Usable:
    """Not usable at first. Held by an engine, read by the scheduler."""

    def __init__(self, problem: str | None = "not started") -> None:
        self.problem = problem
        """Why it cannot be asked; None = it can."""
        self.beyond_help = False
        """Nothing inside this process can mend it: only a restart."""
        self._since = time.monotonic()
        self._settled = asyncio.Event()
        if problem is None:
            self._settled.set()

    def yes(self) -> None:
        if not self.beyond_help:
            self.problem = None
            self._settled.set()

    def no(self, problem: str, *, beyond_help: bool = False) -> None:
        if self.beyond_help:
            return  # what came after it is a consequence
        if self.problem is None:
            self._since = time.monotonic()
        self.problem, self.beyond_help = problem, beyond_help
        if beyond_help:
            self._settled.set()
        else:
            self._settled.clear()

    def down_seconds(self) -> float:
        """Seconds since it could last be asked; 0 while it can."""
        return 0.0 if self.problem is None else time.monotonic() - self._since

    async def wait(self) -> bool:
        """Returns True as soon as it can be asked, False if it never will be again."""
        while True:
            await self._settled.wait()
            if self.beyond_help or self.problem is None:
                return not self.beyond_help
