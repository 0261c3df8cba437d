"""Plumbing shared by the three services: settings, authentication, limits, request ids, probes, metrics, logs, drain.

A service is built with `create_app(...)` and started with `serve(...)`; see services/*/app.py.
"""

from services.serving.app import Readiness, create_app
from services.serving.errors import ApiError, Overloaded
from services.serving.server import serve
from services.serving.settings import ServiceSettings

__all__ = ["ApiError", "Overloaded", "Readiness", "ServiceSettings", "create_app", "serve"]
