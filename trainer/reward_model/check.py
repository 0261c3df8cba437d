"""`rlmr rm check`: does everything that may run this model give its golden scores?"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlmr.aiohttp_transport import AiohttpTransport
from rlmr.calls import AttemptFailed
from rlmr.mistake import Mistake
from services.writing_rm.engines.base import Outcome, Text
from services.writing_rm.engines.protocols import PROTOCOLS, EngineMisconfigured
from services.writing_rm.model.golden_check import GoldenCheck
from services.writing_rm.model.golden_texts import score_alone
from services.writing_rm.model.manifest import RewardModelManifest, read_manifest, verify_files
from services.writing_rm.model.text_form import TextEncoder

Way = Callable[[Sequence[Text]], Awaitable[list[Outcome]]]

SECONDS = 120.0
"""Longest wait for one reply."""
EXACT, ENGINE = 1e-3, 1e-2
"""Allowed deviation in standard deviations: in process at float32, and of an engine over HTTP."""


@dataclass(frozen=True)
class Verdict:
    what: str
    largest_error: float
    """In standard deviations; infinity if a text has no score."""
    problems: list[str]


def check_model(directory: Path, urls: Sequence[str] = (), device: str = "cpu") -> list[Verdict]:
    """One verdict each for transformers, our packed forward, and every KIND=URL (sglang, vllm, or service for a POST /score).

    Raises Mistake if the directory is not what its manifest says, or for a KIND=URL that is none.
    """
    targets = [_split(url) for url in urls]
    manifest = read_manifest(directory)
    verify_files(directory, manifest)
    encoder = TextEncoder.from_directory(directory, manifest.text_form)
    verdicts = _in_process(directory, manifest, encoder, device)
    for kind, url in targets:
        verdicts.append(asyncio.run(_over_http(kind, url, manifest, encoder)))
    return verdicts


def _split(target: str) -> tuple[str, str]:
    kind, _, url = target.partition("=")
    if kind not in (*PROTOCOLS, "service") or not url.startswith(("http://", "https://")):
        raise Mistake(f"{target!r}: write KIND=URL with KIND one of {', '.join(PROTOCOLS)}, service")
    return kind, url.rstrip("/")


def _in_process(directory: Path, manifest: RewardModelManifest, encoder: TextEncoder, device: str) -> list[Verdict]:
    """One copy of the weights at a time."""
    from transformers import AutoModelForSequenceClassification

    from services.writing_rm.engines.torch_engine import TorchModel

    def transformers() -> Way:
        model = AutoModelForSequenceClassification.from_pretrained(str(directory), dtype="float32").to(device).eval()

        async def score(texts: Sequence[Text]) -> list[Outcome]:
            return list(score_alone(model, [text.ids for text in texts]))

        return score

    def packed() -> Way:
        model = TorchModel.load(directory, dtype="float32", device=device, max_batch_tokens=4096)

        async def score(texts: Sequence[Text]) -> list[Outcome]:
            return list(model.score(texts))

        return score

    check = GoldenCheck(manifest, encoder, EXACT)
    ways = {"transformers, float32": transformers, "in-process engine, float32": packed}
    reports = {what: asyncio.run(check.run(way(), 4096)) for what, way in ways.items()}
    return [Verdict(what, report.largest_error, report.problems) for what, report in reports.items()]


async def _over_http(kind: str, url: str, manifest: RewardModelManifest, encoder: TextEncoder) -> Verdict:
    check = GoldenCheck(manifest, encoder, ENGINE)
    async with AiohttpTransport() as http:
        if kind == "service":
            return await _our_service(url, manifest, http)
        protocol = PROTOCOLS[kind]()

        async def score(texts: Sequence[Text]) -> list[Outcome]:
            body = json.dumps(protocol.body([text.ids for text in texts])).encode()
            reply = await http.post(url + protocol.score_path, body, SECONDS)
            return protocol.raws(json.loads(reply.content), len(texts))

        try:
            info = await protocol.info(http, url)
            report = await check.run(score, info.max_tokens)
        except (AttemptFailed, EngineMisconfigured, ValueError, KeyError, IndexError, TypeError) as exc:
            return Verdict(f"{kind} {url}", float("inf"), [f"{type(exc).__name__}: {exc}"])
    return Verdict(f"{info.identity} {url}", report.largest_error, report.problems)


async def _our_service(url: str, manifest: RewardModelManifest, http: AiohttpTransport) -> Verdict:
    """Through POST /score: text in, standardised score out, so the template and the constants are checked as well."""
    samples = [{"id": g.id, **g.model_dump(include={"prompt", "response"})} for g in manifest.golden]
    try:
        reply = json.loads(
            (await http.post(url + "/score", json.dumps({"samples": samples}).encode(), SECONDS)).content
        )
    except (AttemptFailed, ValueError) as exc:
        return Verdict(f"service {url}", float("inf"), [f"{type(exc).__name__}: {exc}"])
    problems = []
    if reply["model"]["revision"] != manifest.revision:
        problems.append(f"it serves revision {reply['model']['revision']}, this directory is {manifest.revision}")
    errors = [
        abs(result["score"] - manifest.standardise(golden.raw)) if result["status"] == "ok" else float("inf")
        for golden, result in zip(manifest.golden, reply["results"], strict=True)
    ]
    for golden, result, error in zip(manifest.golden, reply["results"], errors, strict=True):
        if not error <= ENGINE:
            why = result["reason"] or f"{error:.3g} standard deviations off, {ENGINE:g} allowed"
            problems.append(f"golden text {golden.id!r}: {why}")
    return Verdict(f"{reply['model']['engine']} behind {url}", max(errors), problems)
