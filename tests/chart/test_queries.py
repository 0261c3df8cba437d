"""Every dashboard panel, alert and autoscaling rule against the services' real metrics, asked of a real Prometheus."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import promql_parser
import pytest
import yaml

from deploy.render import render
from tests.chart import release
from tests.chart.variants import VARIANTS
from trainer.reward_model.export import export_reward_model
from trainer.reward_model.random_checkpoint import write_random_checkpoint


@dataclass
class Watched:
    prometheus: release.Prometheus
    urls: dict[str, str]


@cache
def monitored() -> list[dict[str, Any]]:
    on = {name: {"enabled": True} for name in ("serviceMonitor", "prometheusRule", "dashboard")}
    return render({"monitoring": on}, release=release.RELEASE, namespace=release.NAMESPACE)


def dashboard() -> dict[str, Any]:
    (config,) = [d for d in monitored() if d["metadata"]["name"].endswith("-dashboard")]
    board: dict[str, Any] = json.loads(config["data"]["rlmr.json"])
    return board


@cache
def panel_queries() -> dict[str, str]:
    found = {}
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$__rate_interval", "1m")
            expression = expression.replace("$namespace", release.NAMESPACE).replace("$release", release.RELEASE)
            assert "$" not in expression, f"{panel['title']}: unknown variable in {expression}"
            found[f"{panel['title']} [{target['refId']}]"] = expression
    return found


@cache
def alert_queries() -> dict[str, str]:
    (rules,) = [d["spec"] for d in monitored() if d["kind"] == "PrometheusRule"]
    return {
        " ".join(filter(None, (rule["alert"], rule["labels"].get("component")))): rule["expr"]
        for group in rules["groups"]
        for rule in group["rules"]
    }


@cache
def scaler_queries() -> dict[str, str]:
    documents = [
        document
        for variant in ("keda-from-zero", "judge-pool")
        for document in render(VARIANTS[variant], release=release.RELEASE, namespace=release.NAMESPACE)
    ]
    return {
        f"{d['metadata']['name']} trigger {i}": trigger["metadata"]["query"]
        for d in documents
        if d["kind"] == "ScaledObject"
        for i, trigger in enumerate(d["spec"]["triggers"])
        if trigger["type"] == "prometheus"
    }


QUERIES = {**panel_queries(), **alert_queries(), **scaler_queries()}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("release")
    write_random_checkpoint(folder / "checkpoint")
    pairs = [(f"prompt {i}", f"response {i} " * (i % 7 + 1)) for i in range(24)]
    export_reward_model(folder / "checkpoint", folder / "model", name="tiny", reference=pairs)
    rules = folder / "rules.yaml"
    rules.write_text(yaml.safe_dump(next(d["spec"] for d in monitored() if d["kind"] == "PrometheusRule")))
    try:
        with (
            release.running_services(folder / "model") as urls,
            release.running_prometheus(folder, urls, rules) as prometheus,
        ):
            # A rate needs two scrapes with traffic between them; every panel answers after a few rounds.
            for number in range(60):
                release.send_traffic(urls["aggregator"], number)
                if number > 5 and all(prometheus.query(q) for q in panel_queries().values()):
                    break
                time.sleep(0.5)
            yield Watched(prometheus, urls)
    except release.PrometheusMissing as reason:
        pytest.skip(str(reason))


def selectors(node: Any) -> Iterator[Any]:
    """Every vector selector below a parsed expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    elif isinstance(node, promql_parser.MatrixSelector):
        yield from selectors(node.vector_selector)
    else:
        for name in ("expr", "lhs", "rhs", "param"):
            child = getattr(node, name, None)
            if child is not None:
                yield from selectors(child)
        for child in getattr(node, "args", None) or []:
            yield from selectors(child)


@pytest.mark.parametrize("name", panel_queries())
def test_every_panel_shows_something(name: str, watched: Watched) -> None:
    assert watched.prometheus.query(panel_queries()[name]), panel_queries()[name]


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_names_metrics_and_labels_that_exist(name: str, watched: Watched) -> None:
    found = list(selectors(promql_parser.parse(QUERIES[name])))
    assert found
    for selector in found:
        series = watched.prometheus.labels_of(selector.name)
        assert series, f"{selector.name} is exposed by no service"
        labels = {label for one in series for label in one}
        for matcher in selector.matchers.matchers:
            assert matcher.name in labels, f"{selector.name} has no label {matcher.name}"


@pytest.mark.parametrize("name", [*alert_queries(), *scaler_queries()])
def test_alerts_and_scalers_evaluate(name: str, watched: Watched) -> None:
    watched.prometheus.query(QUERIES[name])


def test_no_alert_fires_on_a_release_that_works(watched: Watched) -> None:
    groups = watched.prometheus.client.get("/api/v1/rules").json()["data"]["groups"]
    rules = {
        " ".join(filter(None, (rule["name"], rule["labels"].get("component")))): rule
        for group in groups
        for rule in group["rules"]
    }
    assert rules.keys() == alert_queries().keys()
    assert [r["lastError"] for r in rules.values() if r.get("lastError")] == []
    assert [name for name, rule in rules.items() if rule["state"] == "firing"] == []


def test_rates_are_taken_of_counters_only() -> None:
    for name, query in QUERIES.items():
        for part in query.split("rate(")[1:]:
            metric = part.split("{")[0].split("[")[0]
            assert metric.endswith(("_total", "_bucket")), f"{name}: rate of {metric}"


def test_hpa_metrics_are_gauges_of_the_pods_they_scale(watched: Watched) -> None:
    documents = render(VARIANTS["production-cpu"])
    scalers = [d for d in documents if d["kind"] == "HorizontalPodAutoscaler"]
    assert len(scalers) == 3
    for scaler in scalers:
        component = scaler["metadata"]["labels"]["app.kubernetes.io/component"]
        if component == "aggregator":  # on its own CPU
            continue
        (metric,) = scaler["spec"]["metrics"]
        name = metric["pods"]["metric"]["name"]
        text = httpx.get(f"{watched.urls[component]}/metrics").text
        assert f"# TYPE {name} gauge" in text, f"{component} exposes no gauge {name}"
        # One number a pod: the adapter sums over what is left.
        assert len([line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]) == 1


def test_the_wake_up_trigger_counts_attempts_at_the_right_upstream(watched: Watched) -> None:
    for component, upstream in (("verifier", "verifier"), ("writing-rm", "writing_rm")):
        query = scaler_queries()[f"demo-rlmr-{component} trigger 1"]
        assert f'upstream=~"{upstream}' in query
        assert watched.prometheus.query(query), query


def test_legends_use_labels_that_their_query_keeps(watched: Watched) -> None:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            wanted = {part.split("}}")[0] for part in target["legendFormat"].split("{{")[1:]}
            answers = watched.prometheus.query(panel_queries()[f"{panel['title']} [{target['refId']}]"])
            # Together: an empty label, such as the reason of a trained group, is left out of its series.
            kept = {label for series in answers for label in series["metric"]}
            assert wanted <= kept, f"{panel['title']}: {target['legendFormat']}"


def test_engine_panels_use_metrics_of_the_recorded_contract() -> None:
    names = yaml.safe_load(Path(release.__file__).with_name("sglang-contract.yaml").read_text())["metrics"]
    known = {*names["gauges"], *names["counters"], *(f"{n}_bucket" for n in names["histograms"])}
    used = {s.name for q in panel_queries().values() for s in selectors(promql_parser.parse(q)) if ":" in s.name}
    assert used
    assert used <= known


def test_an_engine_elsewhere_or_away_is_not_passed_on(watched: Watched) -> None:
    assert httpx.get(f"{watched.urls['writing-rm']}/metrics/engine").status_code == 404
    assert httpx.get(f"{watched.urls['verifier']}/metrics/engine").headers["content-type"].startswith("text/plain")


def test_engines_are_scraped_where_there_are_some() -> None:
    monitors = {d["metadata"]["name"]: d for d in render(VARIANTS["production-gpu"]) if d["kind"] == "ServiceMonitor"}
    assert monitors.keys() == {"rlmr", "rlmr-engines"}
    (expression,) = monitors["rlmr-engines"]["spec"]["selector"]["matchExpressions"]
    assert expression["values"] == ["verifier", "writing-rm"]
    assert monitors["rlmr-engines"]["spec"]["endpoints"][0]["path"] == "/metrics/engine"
    assert [d["metadata"]["name"] for d in monitored() if d["kind"] == "ServiceMonitor"] == ["demo-rlmr"]


def test_the_service_monitor_sets_the_labels_that_the_queries_use() -> None:
    (monitor,) = [d for d in monitored() if d["kind"] == "ServiceMonitor"]
    (endpoint,) = monitor["spec"]["endpoints"]
    assert {r["targetLabel"] for r in endpoint["relabelings"]} == {"component", "release"}
    services = [d for d in monitored() if d["kind"] == "Service"]
    for service in services:
        assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert {"app.kubernetes.io/component", "app.kubernetes.io/instance"} <= service["metadata"]["labels"].keys()
        assert endpoint["port"] in {p["name"] for p in service["spec"]["ports"]}


def test_panel_titles_are_unique() -> None:
    titles = [panel["title"] for panel in dashboard()["panels"]]
    assert len(titles) == len(set(titles))
