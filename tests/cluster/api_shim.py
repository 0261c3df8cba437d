"""Serves autoscaling/v2 and policy/v1 on Kubernetes 1.20, which only has v2beta2 and v1beta1 of the same objects.

Registered as an aggregated API: the API server hands requests for the new versions to this proxy, which forwards them under the
old name and renames the answers back. The objects' fields that the chart uses are the same in both, so an unmodified modern
chart installs and its autoscaler runs. Environment: UPSTREAM, TOKEN, CERTIFICATE, KEY, PORT.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

VERSIONS = {"autoscaling/v2": "autoscaling/v2beta2", "policy/v1": "policy/v1beta1"}
SESSION: web.AppKey[aiohttp.ClientSession] = web.AppKey("session", aiohttp.ClientSession)
_VERSION_KEY = rb'("(?:apiVersion|groupVersion)"\s*:\s*"|^apiVersion:\s*)'


def renamed(body: bytes, old: str, new: str) -> bytes:
    """`body` (JSON or YAML) with the API version `old` replaced by `new` wherever it names an API version."""
    pattern = re.compile(_VERSION_KEY + re.escape(old.encode()) + rb'(?=["\s])', re.MULTILINE)
    body = pattern.sub(lambda match: match[1] + new.encode(), body)
    return body.replace(
        b'"version":"' + old.split("/")[1].encode() + b'"', b'"version":"' + new.split("/")[1].encode() + b'"'
    )


def version_of(path: str) -> str | None:
    return next((v for v in VERSIONS if path.removeprefix("/apis/").split("?")[0].startswith(v) and
                 path.removeprefix("/apis/")[len(v):][:1] in ("", "/", "?")), None)  # fmt: skip


async def forward(request: web.Request) -> web.StreamResponse:
    new = version_of(request.raw_path)
    if new is None:
        return web.json_response({}, status=404)
    old = VERSIONS[new]
    headers = {"Authorization": f"Bearer {os.environ['TOKEN']}", "Accept": "application/json"}
    if "Content-Type" in request.headers:
        headers["Content-Type"] = request.headers["Content-Type"]
    if "as=Table" in request.headers.get("Accept", ""):  # kubectl get
        headers["Accept"] = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    url = os.environ["UPSTREAM"] + request.raw_path.replace(f"/apis/{new}", f"/apis/{old}", 1)
    body = renamed(await request.read(), new, old)
    async with request.app[SESSION].request(
        request.method, url, data=body or None, headers=headers, ssl=False
    ) as reply:
        if "watch=" in request.raw_path:
            stream = web.StreamResponse(status=reply.status, headers={"Content-Type": "application/json"})
            await stream.prepare(request)
            async for line in reply.content:
                await stream.write(renamed(line, old, new))
            return stream
        return web.Response(
            status=reply.status, body=renamed(await reply.read(), old, new), content_type="application/json"
        )


async def session(app: web.Application) -> AsyncIterator[None]:
    app[SESSION] = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
    yield
    await app[SESSION].close()


def main() -> None:
    app = web.Application(client_max_size=8 << 20)
    app.router.add_route("*", "/{path:.*}", forward)
    app.cleanup_ctx.append(session)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(os.environ["CERTIFICATE"], os.environ["KEY"])
    web.run_app(app, host="0.0.0.0", port=int(os.environ["PORT"]), ssl_context=tls, print=None)


if __name__ == "__main__":
    main()
