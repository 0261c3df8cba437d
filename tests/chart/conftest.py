"""The chart's tests need the tools of requirements/chart.txt; without them they are left out, and pytest says so."""

from importlib.util import find_spec

_MISSING = [module for module in ("helm_python", "kubernetes_validate", "promql_parser") if find_spec(module) is None]
collect_ignore_glob = ["test_*.py"] if _MISSING else []


def pytest_report_header() -> str | None:
    if not _MISSING:
        return None
    return f"tests/chart is left out: {', '.join(_MISSING)} not installed (make test-chart installs requirements/chart.txt)"
