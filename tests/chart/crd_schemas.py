"""Strict checks of custom resources against their published definitions (npm @kubernetes-models), cached outside the tree.

Two checks, because neither is enough: the TypeScript compiler refuses unknown fields, the published validator checks values.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "crds"
PACKAGES = {
    "keda.sh/v1alpha1": "@kubernetes-models/keda",
    "monitoring.coreos.com/v1": "@kubernetes-models/prometheus-operator",
    "gateway.networking.k8s.io/v1": "@kubernetes-models/gateway-api",
}


class SchemasUnavailable(Exception):
    """npm, node or its registry is not there: the reason."""


def schemas() -> Path:
    """Folder with node_modules, installed once for each content of crds/package.json (6 s)."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise SchemasUnavailable("npm and node are not installed (Debian: apt-get install npm)")
    manifest = (HERE / "package.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rlmr"
    target = cache / f"crd-schemas-{hashlib.sha256(manifest).hexdigest()[:12]}"
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        building = Path(scratch) / "schemas"
        building.mkdir()
        (building / "package.json").write_bytes(manifest)
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
        done = subprocess.run(command, cwd=building, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise SchemasUnavailable(f"npm install failed: {done.stderr.strip()[-500:]}")
        try:
            building.rename(target)
        except OSError:
            if not target.is_dir():  # else another run was faster
                raise
    return target


def module_of(object_: dict[str, Any]) -> str:
    return f"{PACKAGES[object_['apiVersion']]}/{object_['apiVersion']}/{object_['kind']}"


def faults(objects: Sequence[dict[str, Any]]) -> list[str]:
    """One line per fault of any of the custom resources. Raises SchemasUnavailable."""
    folder = schemas()
    return _unknown_fields(folder, objects) + _wrong_values(folder, objects)


def _unknown_fields(folder: Path, objects: Sequence[dict[str, Any]]) -> list[str]:
    lines = []
    for i, o in enumerate(objects):
        lines.append(f'import type {{ I{o["kind"]} as T{i} }} from "{module_of(o)}";')
        lines.append(f"const o{i}: T{i} = {json.dumps(o)};")
    options = [
        "--noEmit",
        "--strict",
        "--skipLibCheck",
        "--module",
        "nodenext",
        "--moduleResolution",
        "nodenext",
        "--target",
        "es2022",
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".ts", dir=folder) as source:
        source.write("\n".join(lines))
        source.flush()
        compiler = folder / "node_modules" / "typescript" / "bin" / "tsc"
        done = subprocess.run(
            ["node", str(compiler), *options, source.name], cwd=folder, capture_output=True, text=True, timeout=120
        )
    if done.returncode == 0:
        return []
    return [line for line in done.stdout.splitlines() if "error TS" in line] or [done.stdout + done.stderr]


def _wrong_values(folder: Path, objects: Sequence[dict[str, Any]]) -> list[str]:
    work = [{"module": module_of(o), "object": o} for o in objects]
    done = subprocess.run(
        ["node", "--input-type=module", "-e", (HERE / "validate.mjs").read_text()],
        cwd=folder,
        input=json.dumps(work),
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode != 0:
        return [done.stderr.strip()]
    return [line for line in done.stdout.splitlines() if line]
