"""What an operator meets after the installation: models, claims, upgrades, networks. One case a defect that was found there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.render import ROOT, merge, plain_files, render, render_texts, values_of
from tests.chart.test_invariants import Document, containers, of_kind
from tests.chart.variants import FETCH, MODELS, VARIANTS

GPU = VARIANTS["gpu"]


def named(documents: list[Document], kind: str, name: str) -> Document:
    (found,) = [d for d in of_kind(documents, kind) if d["metadata"]["name"] == f"rlmr-{name}"]
    return found


def pod(documents: list[Document], component: str) -> Document:
    spec: Document = named(documents, "Deployment", component)["spec"]["template"]["spec"]
    return spec


def ports_out(documents: list[Document], component: str) -> dict[int, Any]:
    """Port -> peers (None: anywhere) of a component's egress rules."""
    rules = named(documents, "NetworkPolicy", component)["spec"]["egress"]
    return {port["port"]: rule.get("to") for rule in rules for port in rule["ports"]}


def test_the_revision_is_in_labels_and_told_to_the_service() -> None:
    documents = render(GPU)
    for component, key in (("writing-rm", "writingRm"), ("verifier", "verifier")):
        template = named(documents, "Deployment", component)["spec"]["template"]["metadata"]
        hub = MODELS[key]["model"]["hub"]
        assert template["labels"]["rlmr.io/model-revision"] == hub["revision"]
        assert template["annotations"]["rlmr.io/model"] == f"{hub['repository']}@{hub['revision']}"
    told = named(documents, "ConfigMap", "writing-rm")["data"]
    assert told["RLMR_WRITING_RM_MODEL_SOURCE"] == "example/reward@" + "a" * 40


def test_a_moving_revision_can_be_allowed() -> None:
    moving = {"hub": {"revision": "refs/pr/1"}, "allowMovingRevision": True}
    documents = render(merge(GPU, {"writingRm": {"model": moving}}))
    labels = named(documents, "Deployment", "writing-rm")["spec"]["template"]["metadata"]["labels"]
    assert labels["rlmr.io/model-revision"] == "refs-pr-1"


def test_a_shared_claim_has_one_writer_and_the_pods_only_read() -> None:
    documents = render(VARIANTS["download-cache"])
    (job,) = of_kind(documents, "Job")
    (writer,) = job["spec"]["template"]["spec"]["containers"]
    mount = {"name": "model", "mountPath": "/models"}
    assert mount in writer["volumeMounts"]
    reading = pod(documents, "writing-rm")
    for container in containers(reading):
        for given in container["volumeMounts"]:
            assert given["name"] != "model" or given["readOnly"], container["name"]
    target = f"/models/example--reward@{'a' * 40}"
    assert {"name": "TARGET", "value": target} in writer["env"]
    assert reading["initContainers"][0]["command"][-2:] == [target, job["metadata"]["name"]]
    assert f"--model-path={target}" in reading["containers"][1]["command"]
    # The token and the way out belong to the writer alone.
    assert 8443 in ports_out(documents, "writing-rm-model")
    assert ports_out(documents, "writing-rm").keys() == {53}
    assert "HF_TOKEN" not in str(reading)


def test_two_models_on_one_claim_have_directories_of_their_own() -> None:
    cache = {"model": {"cache": {"claimName": "cache"}}}
    documents = render(merge(GPU, {"writingRm": cache, "verifier": cache}))
    targets = [e["value"] for job in of_kind(documents, "Job") for e in job["spec"]["template"]["spec"]["containers"][0]["env"] if e["name"] == "TARGET"]  # fmt: skip
    assert len(set(targets)) == 2
    new = render(merge(GPU, {"writingRm": merge(cache, {"model": {"hub": {"revision": "c" * 40}}}), "verifier": cache}))
    before, after = ({d["metadata"]["name"] for d in of_kind(x, "Job")} for x in (documents, new))
    assert len(before & after) == 1  # a Job cannot be changed: another version is another Job


def test_the_download_has_memory_and_the_ways_of_a_closed_network() -> None:
    documents = render(merge(GPU, {"writingRm": {"model": {"download": {**FETCH, "proxy": "http://proxy:3128"}}}}))
    (init,) = pod(documents, "writing-rm")["initContainers"]
    assert init["resources"]["limits"]["memory"] == "8Gi"
    assert init["resources"]["requests"]["ephemeral-storage"] == "60Gi"  # its copy lies on the node
    env = {e["name"]: e.get("value") for e in init["env"]}
    assert env["HF_ENDPOINT"] == "https://hub.example.com:8443"
    assert env["HTTPS_PROXY"] == "http://proxy:3128"
    assert env["SSL_CERT_FILE"] == "/ca/ca.crt"
    assert env["HF_HUB_DOWNLOAD_TIMEOUT"] == "60"
    assert 3128 in ports_out(documents, "writing-rm")
    assert ports_out(render(GPU), "writing-rm").keys() == {53, 443}


@pytest.mark.parametrize("name", ["defaults", "gpu", "judge-pool"])
def test_a_failed_container_is_not_waited_for_as_one_that_drains(name: str) -> None:
    for deployment in of_kind(render(VARIANTS[name]), "Deployment"):
        spec = deployment["spec"]["template"]["spec"]
        for container in spec["containers"]:
            for probe in ("livenessProbe", "startupProbe"):
                assert container[probe]["terminationGracePeriodSeconds"] <= 30
            assert "terminationGracePeriodSeconds" not in container["readinessProbe"]
        assert spec["terminationGracePeriodSeconds"] > 60


@pytest.mark.parametrize(
    ("values", "rolling"),
    [
        ({}, {"maxSurge": 0, "maxUnavailable": 1}),  # one GPU: the new pod needs the old one's
        ({"replicas": 2}, {"maxSurge": 1, "maxUnavailable": 1}),
        # autoscaling: `replicas` says nothing about the pods that are there
        ({"replicas": 2, "autoscaling": {"type": "keda", "minReplicas": 1}}, {"maxSurge": 1, "maxUnavailable": 0}),
        ({"autoscaling": {"type": "hpa", "minReplicas": 2}}, {"maxSurge": 1, "maxUnavailable": 1}),
    ],
)
def test_pods_with_a_gpu_are_replaced_as_their_number_allows(values: Document, rolling: Document) -> None:
    scraped = {"monitoring": {"scrapedElsewhere": True}}
    documents = render(merge(merge(GPU, scraped), {"writingRm": values}))
    assert named(documents, "Deployment", "writing-rm")["spec"]["strategy"]["rollingUpdate"] == rolling
    given = merge(merge(GPU, scraped), {"writingRm": {**values, "strategy": {"type": "Recreate"}}})
    assert named(render(given), "Deployment", "writing-rm")["spec"]["strategy"] == {"type": "Recreate"}


def test_a_cold_engine_is_no_failed_rollout() -> None:
    deployment = named(render(GPU), "Deployment", "writing-rm")
    probe = deployment["spec"]["template"]["spec"]["containers"][1]["startupProbe"]
    assert deployment["spec"]["progressDeadlineSeconds"] > probe["periodSeconds"] * probe["failureThreshold"]


def test_plain_manifests_have_a_kustomization_of_every_file_with_the_namespace_first() -> None:
    files = plain_files()
    for folder in ("cpu", "gpu"):
        kustomization = yaml.safe_load(files[f"{folder}/kustomization.yaml"])
        here = [Path(p).name for p in files if p.startswith(f"{folder}/")]
        assert sorted(kustomization["resources"]) == sorted(n for n in here if n != "kustomization.yaml")
        # kubectl apply -f takes them in the order of their names
        assert min(kustomization["resources"]) == "00-namespace.yaml"


def test_openshift_gives_user_ids_and_reaches_its_dns() -> None:
    documents = render(values_of(["values-cpu.yaml", "values-openshift.yaml"]))
    for deployment in of_kind(documents, "Deployment"):
        context = deployment["spec"]["template"]["spec"]["securityContext"]
        assert {"runAsUser", "runAsGroup", "fsGroup"}.isdisjoint(context)
        assert context["runAsNonRoot"] is True
    assert {53, 5353} <= ports_out(documents, "aggregator").keys()


def test_what_is_outside_of_the_release_is_reached() -> None:
    documents = render(VARIANTS["model-elsewhere"])
    assert ports_out(documents, "aggregator")[8443] == VARIANTS["model-elsewhere"]["networkPolicy"]["externalTo"]
    assert named(documents, "ConfigMap", "aggregator")["data"]["RLMR_AGGREGATOR_WRITING_RM_URL"].endswith(":8443")
    assert not [d for d in documents if d["metadata"]["name"] == "rlmr-writing-rm"]
    by_setting = render({"aggregator": {"settings": {"VERIFIER_URL": "http://verifier.shared:9000"}}})
    assert ports_out(by_setting, "aggregator")[9000] is None
    assert 8000 in ports_out(render(VARIANTS["judge-elsewhere"]), "verifier")
    extra = {"networkPolicy": {"extraEgress": [{"ports": [{"port": 4317, "protocol": "TCP"}]}]}}
    assert 4317 in ports_out(render(extra), "aggregator")


def test_a_release_without_an_aggregator_tells_how_it_is_asked() -> None:
    values = VARIANTS["shared-model-alone"]
    assert of_kind(render(values), "Pod") == []  # nothing that helm test could ask
    notes = render_texts(values, namespace="shared")["NOTES.txt"]
    assert "http://rlmr-writing-rm.shared.svc:8001" in notes
    assert "-aggregator" not in notes


def test_callers_through_the_ingress_are_let_in_and_metrics_stay_inside() -> None:
    documents = render(VARIANTS["everything"])
    first, *_ = named(documents, "NetworkPolicy", "aggregator")["spec"]["ingress"]
    assert {"namespaceSelector": {"matchLabels": {"name": "nginx"}}} in first["from"]
    (ingress,) = of_kind(documents, "Ingress")
    paths = ingress["spec"]["rules"][0]["http"]["paths"]
    assert {(p["path"], p["pathType"]) for p in paths} == {("/reward", "Exact"), ("/get_reward", "Exact"), ("/v1/info", "Exact")}  # fmt: skip
    (route,) = of_kind(documents, "HTTPRoute")
    assert {m["path"]["value"] for m in route["spec"]["rules"][0]["matches"]} == {p["path"] for p in paths}


def test_keda_asks_a_prometheus_that_wants_a_password() -> None:
    auth = {"keda": {"authenticationRef": {"name": "thanos", "kind": "ClusterTriggerAuthentication"}, "authModes": "bearer"}}  # fmt: skip
    documents = render(merge(VARIANTS["keda-from-zero"], {"monitoring": auth}))
    for trigger in named(documents, "ScaledObject", "verifier")["spec"]["triggers"]:
        assert trigger["authenticationRef"] == {"name": "thanos", "kind": "ClusterTriggerAuthentication"}
        assert trigger["metadata"]["authModes"] == "bearer"
    for trigger in named(render(VARIANTS["keda-from-zero"]), "ScaledObject", "verifier")["spec"]["triggers"]:
        assert "authenticationRef" not in trigger


def test_a_target_below_one_stays_what_it_is() -> None:
    for target, quantity in ((0.5, "500m"), (2.5, "2500m"), (16, "16")):
        (scaler,) = of_kind(render({"verifier": {"autoscaling": {"type": "hpa", "target": target}}}), "HorizontalPodAutoscaler")  # fmt: skip
        assert scaler["spec"]["metrics"][0]["pods"]["target"]["averageValue"] == quantity


def test_the_aggregator_scales_on_its_own_cpu() -> None:
    """What it has in flight waits for its upstreams: more aggregators would only pile up more of it."""
    (scaler,) = of_kind(render({"aggregator": {"autoscaling": {"type": "hpa"}}}), "HorizontalPodAutoscaler")
    assert scaler["spec"]["metrics"] == [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
    ]
    (trigger,) = named(render(VARIANTS["keda-from-zero"]), "ScaledObject", "aggregator")["spec"]["triggers"]
    assert (trigger["type"], trigger["metadata"]) == ("cpu", {"value": "70"})


def test_a_pod_that_is_not_ready_does_not_hold_up_a_drain() -> None:
    def policies(version: str) -> set[Any]:
        budgets = of_kind(render({}, kube_version=version), "PodDisruptionBudget")
        return {b["spec"].get("unhealthyPodEvictionPolicy") for b in budgets}

    assert policies("1.26.0") == {None}  # not known there
    assert policies("1.27.0") == {"AlwaysAllow"}


def test_services_can_listen_on_ipv6_alone() -> None:
    configs = of_kind(render({"listenAddress": "::"}), "ConfigMap")
    assert {v for c in configs for k, v in c["data"].items() if k.endswith("_HOST")} == {"::"}


def test_a_release_with_a_dot_in_its_name_makes_valid_objects() -> None:
    documents = render({}, release="stories.v2")
    assert {d["metadata"]["name"].partition("-rlmr")[0] for d in of_kind(documents, "Service")} == {"stories-v2"}


def test_the_notes_can_read_a_key_with_a_dot() -> None:
    notes = render_texts({"auth": {"existingSecret": "keys", "key": "api.key"}})["NOTES.txt"]
    assert r"jsonpath='{.data.api\.key}'" in notes


def test_helm_test_names_its_strategy() -> None:
    """The release's own may be quality_only, which promises nothing about violators."""
    (test,) = of_kind(render({"aggregator": {"settings": {"STRATEGY": "quality_only"}}}), "Pod")
    assert '"strategy": {"name": "rlmr"}' in test["spec"]["containers"][0]["command"][2]


def test_images_install_the_versions_that_were_tested() -> None:
    locked = (ROOT / "requirements/cpu.txt").read_text().split()
    for service in ("aggregator", "verifier", "writing_rm"):
        dockerfile = (ROOT / "services" / service / "Dockerfile").read_text()
        assert "--constraint constraints.txt" in dockerfile
        assert "COPY requirements/cpu.txt ./constraints.txt" in dockerfile
    torch = next(line for line in dockerfile.splitlines() if line.startswith("ARG TORCH="))
    assert torch.split('"')[1] in locked
    assert "!requirements/cpu.txt" in (ROOT / ".dockerignore").read_text().split()


# ---- parts that can be put together


def test_an_aggregator_asks_the_reward_model_that_it_names() -> None:
    documents = render(VARIANTS["several-models"])
    url = "RLMR_AGGREGATOR_WRITING_RM_URL"
    assert named(documents, "ConfigMap", "aggregator")["data"][url] == "http://rlmr-writing-rm:8001"
    own = named(documents, "ConfigMap", "aggregator-run-7")["data"]
    assert own[url] == "http://rlmr-writing-rm-v2:8001"
    assert own["RLMR_AGGREGATOR_GAMMA"] == "0.5"
    assert own["RLMR_AGGREGATOR_SHADOW_WRITING_RM_URL"] == "http://rlmr-writing-rm-v3:8001"
    rules = named(documents, "NetworkPolicy", "aggregator-run-7")["spec"]["egress"]
    assert "writing-rm-v3" in str(rules)
    peer = ports_out(documents, "aggregator-run-7")[8001][0]["podSelector"]["matchLabels"]
    assert peer["app.kubernetes.io/component"] in ("writing-rm-v2", "writing-rm-v3")
    let_in = named(documents, "NetworkPolicy", "writing-rm-v2")["spec"]["ingress"][0]["from"][0]["podSelector"]
    assert let_in["matchExpressions"][0]["values"] == ["aggregator", "aggregator-run-7"]


def test_a_pool_of_judges_scales_apart_from_the_verifier() -> None:
    documents = render(VARIANTS["judge-pool"])
    (service,) = pod(documents, "verifier")["containers"]
    assert "nvidia.com/gpu" not in str(service["resources"])
    (engine,) = pod(documents, "judge")["containers"]
    assert engine["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert "--host=0.0.0.0" in engine["command"]
    assert named(documents, "ConfigMap", "verifier")["data"]["RLMR_VERIFIER_JUDGE_URL"] == "http://rlmr-judge:30000/v1"
    (rule, *_) = named(documents, "NetworkPolicy", "judge")["spec"]["ingress"]
    assert [p["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for p in rule["from"]] == ["verifier"]
    assert 30000 in ports_out(documents, "verifier")


def test_extensions_reach_the_pod() -> None:
    documents = render(VARIANTS["extended"])
    spec = pod(documents, "writing-rm")
    assert spec["runtimeClassName"] == "nvidia"
    assert spec["schedulerName"] == "kueue"
    assert {"name": "certificates", "mountPath": "/tls", "readOnly": True} in spec["containers"][0]["volumeMounts"]
    assert {"secretRef": {"name": "more"}} in spec["containers"][0]["envFrom"]
    assert named(documents, "Deployment", "writing-rm")["spec"]["revisionHistoryLimit"] == 3
    assert named(documents, "Service", "writing-rm")["spec"]["ipFamilies"] == ["IPv6", "IPv4"]
    assert [d for d in documents if d["metadata"]["name"] == "extra"]
    images = {c["image"] for d in of_kind(documents, "Deployment") for c in containers(d["spec"]["template"]["spec"])}
    assert all(image.startswith("mirror.example.com/") for image in images)


def test_the_registry_covers_engines() -> None:
    documents = render(merge(GPU, {"global": {"imageRegistry": "mirror.example.com"}}))
    engine = pod(documents, "writing-rm")["containers"][1]
    assert engine["image"].startswith("mirror.example.com/lmsysorg/sglang:v0.5.20@sha256:")
    assert pod(render(GPU), "writing-rm")["containers"][1]["image"].startswith("docker.io/lmsysorg/sglang:")


def test_common_labels_are_everywhere_but_in_selectors() -> None:
    for document in render(VARIANTS["several-models"]):
        if document["kind"] != "ConfigMap" or "labels" in document["metadata"]:
            assert document["metadata"]["labels"]["team"] == "stories"
        if document["kind"] == "Deployment":
            assert document["spec"]["template"]["metadata"]["labels"]["team"] == "stories"
            assert "team" not in document["spec"]["selector"]["matchLabels"]


def test_sidecars_and_init_containers_are_the_operators_own() -> None:
    extra = {"name": "proxy", "image": "example/proxy:1"}
    claims = [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}]
    given = {"sidecars": [extra], "initContainers": [{**extra, "name": "first"}], "resourceClaims": claims}
    spec = pod(render({"verifier": {"pod": given}}), "verifier")
    assert [c["name"] for c in spec["containers"]] == ["verifier", "proxy"]
    assert [c["name"] for c in spec["initContainers"]] == ["first"]
    assert spec["resourceClaims"] == claims
