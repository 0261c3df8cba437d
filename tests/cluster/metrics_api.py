"""custom.metrics.k8s.io for Pods metrics, fed from the pods' own /metrics: what prometheus-adapter does, without Prometheus.

The HPA controller asks for one metric of the pods of a selector; each running pod is scraped at that moment on its port `http`.
A pod that does not expose the metric, or does not answer, is left out, as a pod without samples is in the real adapter.
Environment: UPSTREAM, TOKEN, CERTIFICATE, KEY, PORT.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

GROUP = "/apis/custom.metrics.k8s.io/v1beta1"
SESSION: web.AppKey[aiohttp.ClientSession] = web.AppKey("session", aiohttp.ClientSession)


async def resources(request: web.Request) -> web.Response:
    """Discovery. Names need not be listed: the controller asks by name."""
    entry = {"name": "pods/*", "singularName": "", "namespaced": True, "kind": "MetricValueList", "verbs": ["get"]}
    reply = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP[6:], "resources": [entry]}
    return web.json_response(reply)


async def pods_metric(request: web.Request) -> web.Response:
    namespace, metric = request.match_info["namespace"], request.match_info["metric"]
    session = request.app[SESSION]
    url = f"{os.environ['UPSTREAM']}/api/v1/namespaces/{namespace}/pods"
    query = {"labelSelector": request.query.get("labelSelector", ""), "fieldSelector": "status.phase=Running"}
    headers = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
    async with session.get(url, params=query, headers=headers, ssl=False) as reply:
        pods = (await reply.json())["items"]
    values = await asyncio.gather(*(scrape(session, pod, metric) for pod in pods))
    items = [value_of(pod, metric, v) for pod, v in zip(pods, values, strict=True) if v is not None]
    return web.json_response({"kind": "MetricValueList", "apiVersion": GROUP[6:], "metadata": {}, "items": items})


async def scrape(session: aiohttp.ClientSession, pod: dict[str, Any], metric: str) -> float | None:
    """Sum over the pod's series of `metric`; None where it cannot be had."""
    ports = [
        p["containerPort"] for c in pod["spec"]["containers"] for p in c.get("ports", []) if p.get("name") == "http"
    ]
    address = pod["status"].get("podIP")
    if not ports or address is None:
        return None
    try:
        async with session.get(f"http://{address}:{ports[0]}/metrics") as reply:
            text = await reply.text()
    except (aiohttp.ClientError, TimeoutError):
        return None
    samples = [s.value for family in text_string_to_metric_families(text) for s in family.samples if s.name == metric]
    return sum(samples) if samples else None


def value_of(pod: dict[str, Any], metric: str, value: float) -> dict[str, Any]:
    meta = pod["metadata"]
    return {
        "describedObject": {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "apiVersion": "/v1"},
        "metricName": metric,
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "value": f"{round(value * 1000)}m",
        "selector": None,
    }


async def nothing(request: web.Request) -> web.Response:
    return web.json_response({})


async def session(app: web.Application) -> AsyncIterator[None]:
    app[SESSION] = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))
    yield
    await app[SESSION].close()


def main() -> None:
    app = web.Application()
    app.router.add_get(GROUP, resources)
    app.router.add_get(GROUP + "/namespaces/{namespace}/pods/{pods}/{metric}", pods_metric)
    app.router.add_get("/apis", nothing)
    app.router.add_get("/openapi/v2", nothing)
    app.cleanup_ctx.append(session)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(os.environ["CERTIFICATE"], os.environ["KEY"])
    web.run_app(app, host="0.0.0.0", port=int(os.environ["PORT"]), ssl_context=tls, print=None)


if __name__ == "__main__":
    main()
