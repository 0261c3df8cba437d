"""The arena's server: pages without any text of the contest, and an API that asks for a rater's token or the admin key.

Links carry their secret behind '#': it reaches neither a log nor a Referer, and the page sends it as a bearer key.
"""

import asyncio
import socket
from pathlib import Path
from typing import Annotated, Any

import structlog
import uvicorn
from fastapi import Depends, FastAPI, Header, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.serving import ApiError
from services.serving.errors import error_response, install_error_handlers
from trainer.arena.export import FILES
from trainer.arena.standing import Standings
from trainer.arena.state import AlreadyVoted, ArenaError, NoSuchTask, Rater, State, TooEarly
from trainer.arena.statistics import Choice

log = structlog.get_logger(__name__)

PAGE = Path(__file__).parent / "page"
FORMS = ("rate.js", "admin.js", "words.js", "shell.js", "arena.css", "icon.svg")
MAX_BODY = 65_536
HEADERS = {
    # Nothing from elsewhere, nothing inline: a response that is a script stays text.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Vote(BaseModel):
    model_config = ConfigDict(extra="forbid")

    position: int = Field(ge=0, lt=2**31)
    choice: Choice
    tags: list[str] = Field(default_factory=list, max_length=12)
    correct: bool = False
    """That this replaces an earlier vote on the same task."""


class NewRater(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=1000)


def build_app(state: State) -> FastAPI:
    app = FastAPI(title="RLMR arena", docs_url=None, redoc_url=None, openapi_url=None)
    install_error_handlers(app)
    app.add_middleware(Shield)
    standings = Standings(state)

    def rater(authorization: Annotated[str, Header()] = "") -> Rater:
        if (found := state.rater_of(_bearer(authorization))) is None:
            raise ApiError(401, "no_rater", "this link is nobody's: ask for it again")
        return found

    def admin(authorization: Annotated[str, Header()] = "") -> None:
        if not state.is_admin(_bearer(authorization)):
            raise ApiError(401, "no_admin", "not the admin key: `rlmr arena serve` prints the link")

    @app.get("/rate")
    def rate_page() -> Response:
        return FileResponse(PAGE / "rate.html")

    @app.get("/admin")
    def admin_page() -> Response:
        return FileResponse(PAGE / "admin.html")

    @app.get("/page/{name}")
    def part_of_page(name: str) -> Response:
        if name not in FORMS:
            raise ApiError(404, "not_found", "no such file")
        return FileResponse(PAGE / name)

    @app.get("/api/task")
    def task(rater: Annotated[Rater, Depends(rater)], position: Annotated[int | None, Query(ge=0, lt=2**31)] = None) -> Response:  # fmt: skip
        return _task(state, rater, position)

    @app.post("/api/vote")
    def vote(body: Vote, rater: Annotated[Rater, Depends(rater)]) -> Response:
        if unknown := set(body.tags) - set(state.plan.tags):
            raise ApiError(422, "invalid_request", f"tags: {sorted(unknown)[0]!r:.100} is not one of this arena's")
        try:
            state.vote(rater, body.position, body.choice, body.tags, body.correct)
        except TooEarly as exc:
            raise ApiError(425, "too_early", str(exc), headers={"Retry-After": str(int(exc.seconds) + 1)}) from None
        except AlreadyVoted:
            raise ApiError(409, "already_voted", "this task has a vote already") from None
        except NoSuchTask:
            raise ApiError(409, "no_such_task", "position: this task is not yours to vote on now") from None
        again = state.rater_of(rater.token)
        assert again is not None
        return _task(state, again, None)

    @app.get("/api/admin/standing", dependencies=[Depends(admin)])
    def standing() -> Response:
        return JSONResponse(standings.now() | {"links": {r.name: f"/rate#{r.token}" for r in state.raters()}})

    @app.post("/api/admin/raters", dependencies=[Depends(admin)])
    def add_rater(body: NewRater) -> Response:
        try:
            made = state.add_rater(body.name)
        except ArenaError as exc:
            raise ApiError(422, "invalid_request", f"name: {exc}") from None
        return JSONResponse({"name": made.name, "link": f"/rate#{made.token}", "tasks": made.tasks})

    @app.get("/api/admin/export/{name}", dependencies=[Depends(admin)])
    def export(name: str) -> Response:
        if name not in FILES:
            raise ApiError(404, "not_found", f"one of {', '.join(FILES)}")
        make, media_type = FILES[name]
        return Response(make(state).encode(), media_type=media_type)

    return app


def _task(state: State, rater: Rater, position: int | None) -> Response:
    try:
        shown = state.show(rater, position)
    except NoSuchTask:
        raise ApiError(409, "no_such_task", "position: this task is not yours to see now") from None
    told: dict[str, Any] = {"name": rater.name, "done": rater.done, "tasks": rater.tasks, "tags": state.plan.tags}
    return JSONResponse(told | {"task": shown})


def _bearer(header: str) -> str:
    kind, _, key = header.partition(" ")
    return key.strip() if kind.lower() == "bearer" else ""


class Shield:
    """Security headers on every reply, and no body beyond what a vote needs."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                names = {name for name, _ in own}
                message["headers"] = [h for h in message["headers"] if h[0].lower() not in names] + own
            await send(message)

        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if b"transfer-encoding" in headers or not length.isdigit() or int(length) > MAX_BODY:
            refusal = error_response(
                "", 413, "too_large", f"a body of at most {MAX_BODY} bytes, with its Content-Length"
            )
            await refusal(scope, receive, shielded)
            return
        await self.app(scope, receive, shielded)


def serve(state: State, listener: socket.socket) -> None:
    """Blocks until SIGINT or SIGTERM. `listener` is bound already: the links that were printed hold its port."""
    config = uvicorn.Config(build_app(state), log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=5)  # fmt: skip
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
