"""What must hold for every set of values, whatever is switched on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from deploy.render import render
from tests.chart.variants import VARIANTS

Document = dict[str, Any]
SCRAPED: Document = {"monitoring": {"scrapedElsewhere": True}}


def of_kind(documents: list[Document], kind: str) -> list[Document]:
    return [d for d in documents if d["kind"] == kind]


def containers(pod: Document) -> list[Document]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def pods(documents: list[Document]) -> list[Document]:
    """Pod specs of everything that runs, the helm test and the Jobs that fetch models included."""
    runs = of_kind(documents, "Deployment") + of_kind(documents, "Job")
    specs: list[Document] = [d["spec"]["template"]["spec"] for d in runs]
    return specs + [d["spec"] for d in of_kind(documents, "Pod")]


@pytest.fixture(params=VARIANTS)
def documents(request: pytest.FixtureRequest) -> list[Document]:
    return render(VARIANTS[request.param])


def test_names_are_unique_valid_and_in_the_namespace(documents: list[Document]) -> None:
    names = [(d["kind"], d["metadata"]["name"]) for d in documents]
    assert len(names) == len(set(names))
    for document in documents:
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", document["metadata"]["name"])
        assert len(document["metadata"]["name"]) <= 63
        assert document["metadata"]["namespace"] == "rlmr"


def test_selectors_match_their_own_pods_and_no_others(documents: list[Document]) -> None:
    labels = {
        d["metadata"]["name"]: d["spec"]["template"]["metadata"]["labels"] for d in of_kind(documents, "Deployment")
    }
    labels |= {d["metadata"]["name"]: d["metadata"]["labels"] for d in of_kind(documents, "Pod")}
    # A policy of a Job has its name without the hash of its content.
    jobs = {
        d["metadata"]["name"].rpartition("-")[0]: d["spec"]["template"]["metadata"]["labels"]
        for d in of_kind(documents, "Job")
    }
    labels |= jobs

    def chosen(selector: Document) -> list[str]:
        return [name for name, have in labels.items() if selector.items() <= have.items()]

    for deployment in of_kind(documents, "Deployment"):
        assert chosen(deployment["spec"]["selector"]["matchLabels"]) == [deployment["metadata"]["name"]]
        for spread in deployment["spec"]["template"]["spec"].get("topologySpreadConstraints", []):
            assert chosen(spread["labelSelector"]["matchLabels"]) == [deployment["metadata"]["name"]]
    for service in of_kind(documents, "Service"):
        assert chosen(service["spec"]["selector"]) == [service["metadata"]["name"]]
    for budget in of_kind(documents, "PodDisruptionBudget"):
        assert chosen(budget["spec"]["selector"]["matchLabels"]) == [budget["metadata"]["name"]]
    for policy in of_kind(documents, "NetworkPolicy"):
        assert chosen(policy["spec"]["podSelector"]["matchLabels"]) == [policy["metadata"]["name"]]


def test_every_service_port_and_probe_reaches_a_container_port(documents: list[Document]) -> None:
    deployments = {d["metadata"]["name"]: d for d in of_kind(documents, "Deployment")}
    assert len(of_kind(documents, "Service")) == len(deployments)
    for service in of_kind(documents, "Service"):
        pod = deployments[service["metadata"]["name"]]["spec"]["template"]["spec"]
        ports = {p["name"]: p["containerPort"] for c in pod["containers"] for p in c.get("ports", [])}
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]
        if service["metadata"]["name"].endswith("-judge"):  # an engine, which has its command line
            continue
        (config,) = [
            d["data"] for d in of_kind(documents, "ConfigMap") if d["metadata"]["name"] == service["metadata"]["name"]
        ]
        (told,) = [value for key, value in config.items() if key.endswith("_PORT")]
        assert int(told) == ports["http"]


def test_every_container_has_all_three_probes(documents: list[Document]) -> None:
    for deployment in of_kind(documents, "Deployment"):
        service, *engine = deployment["spec"]["template"]["spec"]["containers"]
        if service["name"] == "engine":  # a pool of judges
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= service.keys()
            continue
        assert service["startupProbe"]["httpGet"]["path"] == "/livez"
        assert service["livenessProbe"]["httpGet"]["path"] == "/livez"
        assert service["readinessProbe"]["httpGet"]["path"] == "/readyz"
        for container in engine:
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
            # An engine's health runs a forward pass and sleeps a second: shorter time-outs kill healthy engines.
            assert container["livenessProbe"]["timeoutSeconds"] >= 5
            startup = container["startupProbe"]
            assert startup["periodSeconds"] * startup["failureThreshold"] >= 600


def test_grace_period_covers_the_drain(documents: list[Document]) -> None:
    configs = {d["metadata"]["name"]: d.get("data", {}) for d in of_kind(documents, "ConfigMap")}
    for deployment in of_kind(documents, "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        if deployment["metadata"]["name"] not in configs:  # a pool of judges: preStop is its drain
            assert pod["terminationGracePeriodSeconds"] > float(
                pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1]
            )
            continue
        config = {k.split("_", 1)[1]: v for k, v in configs[deployment["metadata"]["name"]].items()}
        drain = sum(float(v) for k, v in config.items() if k.endswith(("_DRAIN_SECONDS", "_SHUTDOWN_SECONDS")))
        pre_stop = (
            pod["containers"][0].get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["", "0"])[1]
        )
        assert pod["terminationGracePeriodSeconds"] > drain + float(pre_stop)
        # Readiness must have failed, and endpoints must have been told, well before the listener closes.
        assert float(config[next(k for k in config if k.endswith("_DRAIN_SECONDS"))]) >= 10


def test_every_container_is_hardened(documents: list[Document]) -> None:
    for pod in pods(documents):
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            assert field not in pod
        for container in containers(pod):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert "privileged" not in context
            assert "memory" in container["resources"]["limits"]
            assert {"cpu", "memory", "ephemeral-storage"} <= container["resources"]["requests"].keys()
        for volume in pod["volumes"]:
            assert "hostPath" not in volume
            assert "emptyDir" not in volume or "sizeLimit" in volume["emptyDir"]


def test_every_mount_has_its_volume(documents: list[Document]) -> None:
    for pod in pods(documents):
        volumes = {v["name"] for v in pod["volumes"]}
        mounted = {m["name"] for c in containers(pod) for m in c["volumeMounts"]}
        assert mounted == volumes


def test_no_secret_in_the_clear(documents: list[Document]) -> None:
    secret = re.compile(r"KEY|TOKEN(?!S)|SECRET|PASSWORD")  # TOKENS are counted
    for pod in pods(documents):
        for container in containers(pod):
            for variable in container.get("env", []):
                if secret.search(variable["name"]) and not variable["name"].endswith("_NAME"):
                    assert "secretKeyRef" in variable["valueFrom"], variable["name"]
    for config in of_kind(documents, "ConfigMap"):
        if config["metadata"]["name"].endswith("-dashboard") or "data" not in config:
            continue
        assert not any(secret.search(key) for key in config["data"])
    assert of_kind(documents, "Secret") == []


def test_autoscalers_own_the_replica_count_alone(documents: list[Document]) -> None:
    deployments = {d["metadata"]["name"]: d for d in of_kind(documents, "Deployment")}
    scalers = of_kind(documents, "HorizontalPodAutoscaler") + of_kind(documents, "ScaledObject")
    targets = [s["spec"]["scaleTargetRef"]["name"] for s in scalers]
    assert len(targets) == len(set(targets))
    assert set(targets) <= deployments.keys()
    for name, deployment in deployments.items():
        assert ("replicas" in deployment["spec"]) == (name not in targets)


def test_engines_beside_a_service_listen_on_localhost_only_and_no_policy_opens_them(documents: list[Document]) -> None:
    opened = {
        port["port"]
        for policy in of_kind(documents, "NetworkPolicy")
        for rule in policy["spec"]["ingress"]
        for port in rule["ports"]
    }
    pool = [d for d in of_kind(documents, "Deployment") if d["metadata"]["name"].endswith("-judge")]
    assert opened <= {8000, 8001, 8002, *(30000 for _ in pool)}
    for deployment in of_kind(documents, "Deployment"):
        for container in deployment["spec"]["template"]["spec"]["containers"][1:]:
            assert "ports" not in container
            assert "--host=127.0.0.1" in container["command"]


def test_a_changed_setting_rolls_only_its_own_pods() -> None:
    def checksums(values: Document) -> dict[str, str]:
        return {
            d["metadata"]["name"]: d["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
            for d in of_kind(render(values), "Deployment")
        }

    before, after = checksums({}), checksums({"aggregator": {"settings": {"GAMMA": "0.5"}}})
    assert [name for name in before if before[name] != after[name]] == ["rlmr-aggregator"]


def test_settings_win_over_what_the_chart_sets() -> None:
    configs = of_kind(
        render({"aggregator": {"settings": {"VERIFIER_URL": "http://elsewhere", "GAMMA": 0.5}}}), "ConfigMap"
    )
    data = next(c["data"] for c in configs if c["metadata"]["name"] == "rlmr-aggregator")
    assert data["RLMR_AGGREGATOR_VERIFIER_URL"] == "http://elsewhere"
    assert data["RLMR_AGGREGATOR_GAMMA"] == "0.5"


def test_how_the_judge_is_asked_is_the_settings_of_the_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from services.verifier.settings import VerifierSettings

    def settings(variant: str) -> VerifierSettings:
        documents = of_kind(render(VARIANTS[variant]), "ConfigMap")
        data = next(d["data"] for d in documents if d["metadata"]["name"] == "rlmr-verifier")
        with monkeypatch.context() as patch:
            for name, value in data.items():
                patch.setenv(name, str(tmp_path) if name.endswith("_PROMPTS") else value)
            return VerifierSettings()

    (tmp_path / "en.verdict_system.txt").write_text("Examine.")
    of_judge = [n for n in VerifierSettings.model_fields if n.startswith("judge_")]
    named = {"judge_url", "judge_model", "judge_source"}
    plain, default = settings("judge-elsewhere"), VerifierSettings()
    assert [n for n in of_judge if getattr(plain, n) != getattr(default, n) and n not in named] == []
    reasons = settings("judge-reasons")
    assert (reasons.judge_temperature, reasons.judge_top_p, reasons.judge_seed) == (0.6, 0.95, "omit")
    assert (reasons.judge_thinking, reasons.judge_thinking_tokens, reasons.judge_votes) == ("on", 2048, 3)
    assert reasons.judge_extra_body == {"top_k": 20, "reasoning_effort": "low"}
    (verifier,) = [
        d for d in of_kind(render(VARIANTS["judge-reasons"]), "Deployment") if "verifier" in d["metadata"]["name"]
    ]
    pod = verifier["spec"]["template"]["spec"]
    assert {"name": "prompts", "configMap": {"name": "own-prompts"}} in pod["volumes"]
    assert {"name": "prompts", "mountPath": "/etc/rlmr/prompts", "readOnly": True} in pod["containers"][0][
        "volumeMounts"
    ]


def test_upstreams_are_reachable_by_the_aggregator_only_unless_opened() -> None:
    policies = {
        d["metadata"]["name"]: d for d in of_kind(render({"networkPolicy": {"metricsFrom": []}}), "NetworkPolicy")
    }
    for name in ("rlmr-verifier", "rlmr-writing-rm"):
        (rule,) = policies[name]["spec"]["ingress"]
        (peer,) = rule["from"]
        assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "aggregator"
    aggregator = policies["rlmr-aggregator"]["spec"]
    reached = [
        rule["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for rule in aggregator["egress"]
        if "to" in rule
    ]
    assert sorted(reached) == ["verifier", "writing-rm"]


def test_an_aggregator_stays_ready_while_an_upstream_sleeps_at_zero() -> None:
    def told(values: Document) -> str | None:
        configs = {d["metadata"]["name"]: d["data"] for d in of_kind(render(values), "ConfigMap")}
        value: str | None = configs["rlmr-aggregator"].get("RLMR_AGGREGATOR_READY_WITHOUT")
        return value

    asleep = {"type": "keda", "minReplicas": 0}
    assert told({}) is None
    assert told({"verifier": {"autoscaling": {"type": "keda", "minReplicas": 1}}, **SCRAPED}) is None
    assert told({"writingRm": {"autoscaling": asleep}, **SCRAPED}) == '["writing_rm"]'
    assert told({"verifier": {"autoscaling": asleep}, **SCRAPED}) == '["verifier"]'
    assert told(VARIANTS["keda-from-zero"]) == '["verifier","writing_rm"]'


def test_large_numbers_are_written_out() -> None:
    """Helm reads every number as a float and prints those from a million on as 1e+06, which no integer setting accepts."""
    engine = {"type": "vllm", "image": {"repository": "example/vllm", "tag": "v1"}, "contextLength": 1048576}
    scaling = {"type": "hpa", "target": 2000000}
    documents = render(
        {
            "verifier": {"settings": {"MAX_BODY_BYTES": 16777216, "TIMEOUT_SECONDS": 0.005, "CACHE_BYTES": 0}},
            "writingRm": {"engine": engine, "autoscaling": scaling},
        }
    )
    data = next(c["data"] for c in of_kind(documents, "ConfigMap") if c["metadata"]["name"] == "rlmr-verifier")
    assert data["RLMR_VERIFIER_MAX_BODY_BYTES"] == "16777216"
    assert data["RLMR_VERIFIER_TIMEOUT_SECONDS"] == "0.005"
    assert data["RLMR_VERIFIER_CACHE_BYTES"] == "0"
    (deployment,) = [d for d in of_kind(documents, "Deployment") if d["metadata"]["name"] == "rlmr-writing-rm"]
    assert "--max-model-len=1048576" in deployment["spec"]["template"]["spec"]["containers"][1]["command"]
    (scaler,) = of_kind(documents, "HorizontalPodAutoscaler")
    assert scaler["spec"]["metrics"][0]["pods"]["target"]["averageValue"] == "2000000"
