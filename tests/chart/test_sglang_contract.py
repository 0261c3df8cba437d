"""The engine container that the chart starts, and the calls that our services make, against what sglang is known to offer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from deploy.render import render
from rlmr.aiohttp_transport import AiohttpTransport
from services.writing_rm.engines.protocols import Sglang
from tests.chart.variants import VARIANTS

CONTRACT: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("sglang-contract.yaml").read_text())


def engines() -> Iterator[tuple[str, dict[str, Any]]]:
    for document in render(VARIANTS["gpu"]):
        if document["kind"] == "Deployment":
            for container in document["spec"]["template"]["spec"]["containers"]:
                if container["name"] == "engine":
                    yield document["metadata"]["labels"]["app.kubernetes.io/component"], container


def test_there_is_one_engine_for_scores_and_one_for_the_judge() -> None:
    assert [component for component, _ in engines()] == ["verifier", "writing-rm"]


@pytest.mark.parametrize(("component", "container"), engines())
def test_every_flag_is_one_that_sglang_has(component: str, container: dict[str, Any]) -> None:
    program, flags = container["command"][:3], container["command"][3:]
    assert program == ["python3", "-m", "sglang.launch_server"]
    assert {flag.split("=")[0] for flag in flags} <= set(CONTRACT["flags"])
    # A reward model needs the embedding mode; a judge must not have it.
    assert ("--is-embedding" in flags) == (component == "writing-rm")
    assert ("--constrained-json-disable-any-whitespace" in flags) == (component == "verifier")
    assert "--host=127.0.0.1" in flags


@pytest.mark.parametrize(("component", "container"), engines())
def test_probes_ask_routes_that_exist_with_time_to_answer(component: str, container: dict[str, Any]) -> None:
    for probe in (container["startupProbe"], container["readinessProbe"], container["livenessProbe"]):
        found = re.search(r"http://127\.0\.0\.1:\d+(/\w+)', timeout=(\d+)", probe["exec"]["command"][2])
        assert found is not None
        assert CONTRACT["routes"][found[1]]["method"] == "GET"
        assert 5 <= int(found[2]) < probe["timeoutSeconds"]


def test_the_image_is_a_version_of_the_contract_pinned_by_digest() -> None:
    for _, container in engines():
        found = re.fullmatch(r"docker\.io/lmsysorg/sglang:v([\d.]+)@sha256:[0-9a-f]{64}", container["image"])
        assert found is not None
        assert found[1] in CONTRACT["versions"]


def test_the_service_is_told_the_port_of_its_engine() -> None:
    configs = {d["metadata"]["name"]: d["data"] for d in render(VARIANTS["gpu"]) if d["kind"] == "ConfigMap"}
    ports = {c: next(f for f in e["command"] if f.startswith("--port=")).split("=")[1] for c, e in engines()}
    assert configs["rlmr-writing-rm"]["RLMR_WRITING_RM_ENGINE_URLS"] == f"http://127.0.0.1:{ports['writing-rm']}"
    assert configs["rlmr-verifier"]["RLMR_VERIFIER_JUDGE_URL"] == f"http://127.0.0.1:{ports['verifier']}/v1"


def test_score_requests_and_replies_have_the_recorded_shape() -> None:
    protocol = Sglang()
    assert CONTRACT["routes"][protocol.score_path]["method"] == "POST"
    assert CONTRACT["routes"][protocol.alive_path]["method"] == "GET"
    recorded = CONTRACT["classify"]
    assert protocol.body(recorded["request"]["input_ids"]) == recorded["request"]
    assert protocol.raws(recorded["reply"], 2) == [0.25, -1.5]


async def test_the_recorded_server_info_is_understood() -> None:
    async def info(request: web.Request) -> web.Response:
        return web.json_response(CONTRACT["server_info"])

    app = web.Application()
    app.router.add_get("/server_info", info)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with AiohttpTransport() as http:
            told = await Sglang().info(http, f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()
    assert told.identity.startswith("sglang 0.5.23")
    assert told.max_tokens == 16377
