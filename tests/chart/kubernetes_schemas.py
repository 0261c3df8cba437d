"""Strict schema checks of built-in objects: the schemas that kubernetes-validate carries, each compiled once."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from kubernetes_validate.utils import schema_contents
from referencing import Registry, Resource


@cache
def _registry(version: str) -> Registry:
    definitions = schema_contents(f"kubernetes-json-schema/v{version}.0-local-strict/_definitions.json", version)
    return Resource.from_contents(definitions) @ Registry()


@cache
def _validator(kind: str, api_version: str, version: str) -> Draft202012Validator:
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)  # networking.k8s.io/v1 -> networking-v1
    path = f"kubernetes-json-schema/v{version}.0-local-strict/{kind.lower()}-{group}.json"
    schema = schema_contents(path, version)
    return Draft202012Validator(schema, registry=Resource.from_contents(schema) @ _registry(version))


def faults(document: dict[str, Any], version: str) -> list[str]:
    """One line per fault. Raises FileNotFoundError for a kind or API version that Kubernetes `version` does not have."""
    validator = _validator(document["kind"], document["apiVersion"], version)
    name = f"{document['kind']}/{document['metadata']['name']}"
    return [f"{name}: {'.'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(document)]
