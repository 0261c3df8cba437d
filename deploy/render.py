"""Renders helm/rlmr without the helm program (helm-python-sdk), and writes deploy/k8s from it.

python deploy/render.py            write deploy/k8s/<overlay>/<template>.yaml (kubectl apply -k deploy/k8s/<overlay>)
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml
from helm_python import _native

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "helm" / "rlmr"
PLAIN = ROOT / "deploy" / "k8s"
NAMESPACE = "rlmr"
# libyaml reads a rendered chart eight times as fast as Python; PyYAML's wheels have it, a build from source may not.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Folder of deploy/k8s -> overlays and extra values. GPU manifests need a model that only the reader can name.
PLAIN_SETS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "cpu": (("values-cpu.yaml",), {}),
    "gpu": (
        ("values-gpu.yaml",),
        {
            "writingRm": {"model": {"hub": {"repository": "YOUR-ORG/YOUR-REWARD-MODEL", "revision": "0" * 40}}},
            "verifier": {"model": {"hub": {"repository": "YOUR-ORG/YOUR-JUDGE", "revision": "0" * 40}}},
        },
    ),
}
HEADER = "# Rendered from helm/rlmr by `make manifests`; a test keeps them equal. Change the chart, not this file.\n"


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Deep merge as helm does it with several -f: mappings merge, everything else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def values_of(overlays: Iterable[str], extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in overlays:
        values = merge(values, yaml.safe_load((CHART / name).read_text()) or {})
    return merge(values, extra or {})


def render_texts(
    values: Mapping[str, Any],
    *,
    release: str = "rlmr",
    namespace: str = NAMESPACE,
    kube_version: str = "1.30.0",
    api_versions: Iterable[str] = (),
) -> dict[str, str]:
    """Template path -> rendered text, as `helm template` prints it; NOTES.txt and test hooks included."""
    with helm.Chart.load(CHART) as chart:
        chart.validate_schema(dict(values))
        options = {
            "name": release,
            "namespace": namespace,
            "kube_version": kube_version,
            "api_versions": list(api_versions),
        }
        texts: dict[str, str] = json.loads(
            _native.call_string("helm_render", chart._raw(), json.dumps(values), json.dumps(options))
        )
    return {path.removeprefix("rlmr/templates/"): text for path, text in texts.items()}


def render(values: Mapping[str, Any], **options: Any) -> list[dict[str, Any]]:
    """Every object that the chart makes of `values`, test hooks included."""
    texts = render_texts(values, **options)
    return [
        document
        for path, text in sorted(texts.items())
        if path.endswith(".yaml")
        for document in yaml.load_all(text, LOADER)
        if document
    ]


def plain_files() -> dict[str, str]:
    """Path below deploy/k8s -> text. Helm's own labels and its test hook mean nothing without Helm."""
    files: dict[str, str] = {}
    for folder, (overlays, extra) in PLAIN_SETS.items():
        # kubectl apply -f takes files in the order of their names: without a namespace the others fail.
        files[f"{folder}/00-namespace.yaml"] = (
            HEADER + f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {NAMESPACE}\n"
        )
        for path, text in sorted(render_texts(values_of(overlays, extra)).items()):
            if not path.endswith(".yaml") or path.startswith("tests/") or not text.strip():
                continue
            lines = [
                line.rstrip()
                for line in text.strip().splitlines()
                if line.strip() and not line.strip().startswith(("helm.sh/chart:", "app.kubernetes.io/managed-by:"))
            ]
            files[f"{folder}/{path}"] = HEADER + "\n".join(lines) + "\n"
        resources = sorted(path.removeprefix(f"{folder}/") for path in files if path.startswith(f"{folder}/"))
        files[f"{folder}/kustomization.yaml"] = HEADER + "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n" + "".join(f"  - {name}\n" for name in resources)  # fmt: skip
    return files


def main() -> None:
    for folder in PLAIN_SETS:
        shutil.rmtree(PLAIN / folder, ignore_errors=True)
    for path, text in plain_files().items():
        target = PLAIN / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        print(target.relative_to(ROOT))


if __name__ == "__main__":
    main()
