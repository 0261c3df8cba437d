"""The matrix of values over which every chart test renders: each feature on, and the overlays as people combine them."""

from __future__ import annotations

from typing import Any

from deploy.render import merge, values_of

MODELS: dict[str, Any] = {
    "writingRm": {"model": {"hub": {"repository": "example/reward", "revision": "a" * 40, "tokenSecret": "hub"}}},
    "verifier": {"model": {"hub": {"repository": "example/judge", "revision": "b" * 40}}},
}
FETCH: dict[str, Any] = {
    "endpoint": "https://hub.example.com:8443",
    "caBundle": {"configMap": "certificates"},
    "extraEnv": [{"name": "HF_HUB_DOWNLOAD_TIMEOUT", "value": "60"}],
}
_KEDA = {"type": "keda", "minReplicas": 0, "maxReplicas": 5}
_ALL_ON: dict[str, Any] = {
    "image": {"registry": "registry.example.com/rlmr", "pullSecrets": [{"name": "pull"}]},
    "auth": {"existingSecret": "keys"},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "annotations": {"a": "b"},
        "tls": [{"secretName": "tls", "hosts": ["rlmr.example.com"]}],
    },
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}], "hostnames": ["rlmr.example.com"]},
    "monitoring": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True},
        "dashboard": {"enabled": True},
    },
    "networkPolicy": {
        "aggregatorFrom": [{"podSelector": {"matchLabels": {"a": "b"}}}],
        "ingressFrom": [{"namespaceSelector": {"matchLabels": {"name": "nginx"}}}],
        "upstreamFrom": [{"podSelector": {"matchLabels": {"c": "d"}}}],
        "extraEgress": [{"ports": [{"port": 443, "protocol": "TCP"}]}],
    },
    "serviceAccount": {"create": False, "name": "own"},
    "writingRm": {
        "settings": {"MAX_SAMPLES": 64},
        "extraEnv": [{"name": "A", "value": "b"}],
        "preStopSeconds": 5,
        "podAnnotations": {"x": "y"},
        "podLabels": {"team": "writing"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}},
        "priorityClassName": "high",
        "service": {"type": "NodePort", "annotations": {"x": "y"}},
    },
}

VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "cpu": values_of(["values-cpu.yaml"]),
    "gpu": values_of(["values-gpu.yaml"], MODELS),
    "production-cpu": values_of(["values-cpu.yaml", "values-production.yaml"]),
    "production-gpu": values_of(["values-gpu.yaml", "values-production.yaml"], MODELS),
    "everything": _ALL_ON,
    "keda-from-zero": {
        "writingRm": {"autoscaling": _KEDA},
        "verifier": {"autoscaling": _KEDA},
        "aggregator": {"autoscaling": {**_KEDA, "minReplicas": 1}},
        "monitoring": {"serviceMonitor": {"enabled": True}},
    },
    "vllm": {
        "writingRm": {
            "engine": {"type": "vllm", "image": {"repository": "example/vllm", "tag": "v1"}, "extraArgs": ["--seed=1"]},
            "model": {"source": "pvc", "pvc": {"claimName": "models", "path": "reward"}},
        },
        "verifier": {
            "judge": {"type": "engine"},
            "engine": {"type": "vllm", "image": {"repository": "example/vllm", "tag": "v1"}},
            "model": {"source": "pvc", "pvc": {"claimName": "models", "path": "judge"}},
        },
    },
    "judge-elsewhere": {
        "verifier": {
            "judge": {"type": "url", "url": "http://judge:8000/v1", "model": "judge", "existingSecret": "judge-key"}
        }
    },
    "judge-reasons": {
        "verifier": {
            "judge": {
                "type": "url",
                "url": "http://judge:8000/v1",
                "model": "judge",
                "language": "en",
                "sampling": {"temperature": 0.6, "topP": 0.95, "seed": "omit"},
                "thinking": "on",
                "thinkingTokens": 2048,
                "extraBody": {"top_k": 20, "reasoning_effort": "low"},
                "votes": 3,
                "promptsConfigMap": "own-prompts",
            }
        }
    },
    "judge-pool": values_of(
        ["values-gpu.yaml", "values-production.yaml"],
        merge(
            MODELS,
            {
                "verifier": {
                    "judge": {"type": "pool", "pool": {"autoscaling": {"type": "keda", "maxReplicas": 8}}},
                    "autoscaling": {"type": "keda"},
                }
            },
        ),
    ),
    "several-models": {
        "writingRms": {
            "v2": {"model": {"image": {"tag": "2"}}, "replicas": 2},
            "v3": {"model": {"source": "path", "path": "/opt/v3"}, "autoscaling": {"type": "hpa"}},
        },
        "aggregators": {"run-7": {"writingRm": "v2", "shadow": {"writingRm": "v3"}, "settings": {"GAMMA": "0.5"}}},
        "commonLabels": {"team": "stories"},
    },
    "shared-model-alone": {"aggregator": {"enabled": False}, "verifier": {"enabled": False}},
    "model-elsewhere": {
        "writingRm": {"enabled": False, "externalUrl": "https://reward.shared.svc:8443"},
        "networkPolicy": {"externalTo": [{"namespaceSelector": {"matchLabels": {"name": "shared"}}}]},
    },
    "extended": {
        "global": {"imageRegistry": "mirror.example.com"},
        "extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra", "namespace": "rlmr"}}],
        "writingRm": {
            "pod": {
                "volumes": [{"name": "certificates", "secret": {"secretName": "tls"}}],
                "volumeMounts": [{"name": "certificates", "mountPath": "/tls", "readOnly": True}],
                "envFrom": [{"secretRef": {"name": "more"}}],
                "runtimeClassName": "nvidia",
                "schedulerName": "kueue",
                "revisionHistoryLimit": 3,
            },
            "strategy": {"type": "Recreate"},
            "service": {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6", "IPv4"], "labels": {"a": "b"}},
        },
    },
    "model-in-image": {"writingRm": {"model": {"source": "path", "path": "/opt/model"}}},
    "download-cache": values_of(
        ["values-gpu.yaml"],
        {
            "writingRm": {
                "model": {**MODELS["writingRm"]["model"], "cache": {"claimName": "cache"}, "download": FETCH}
            },
            "verifier": MODELS["verifier"],
        },
    ),
    "long-names": {"fullnameOverride": "a-release-name-that-is-exactly-forty-cha"},
    "bare": {
        "networkPolicy": {"enabled": False},
        "aggregator": {"pdb": {"enabled": False}, "topologySpread": []},
        "verifier": {"pdb": {"maxUnavailable": "25%"}},
    },
}
