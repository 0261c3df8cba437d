{{/* What values.schema.json cannot say: rules between fields. Rendering stops with the field and the remedy. */}}
{{- define "rlmr.validate" -}}
{{- range $c := include "rlmr.components" . | fromJsonArray }}
{{- $args := merge (dict "root" $) $c }}
{{- include "rlmr.validatePod" $args }}
{{- include "rlmr.validateScaling" $args }}
{{- if include "rlmr.usesModel" $args }}{{ include "rlmr.validateModel" $args }}{{ end }}
{{- if include "rlmr.engineKind" $args }}{{ include "rlmr.validateEngine" $args }}{{ end }}
{{- if eq $c.kind "aggregator" }}{{ include "rlmr.validateUpstreams" $args }}{{ end }}
{{- end }}
{{- include "rlmr.validateAccess" . }}
{{- end }}

{{- define "rlmr.validatePod" -}}
{{- $key := .key }}{{ $v := .values }}
{{- $needed := add $v.preStopSeconds $v.drainSeconds $v.shutdownSeconds }}
{{- if le (int $v.terminationGracePeriodSeconds) (int $needed) }}
{{- fail (printf "%s.terminationGracePeriodSeconds is %v, but a draining pod may need preStopSeconds + drainSeconds + shutdownSeconds = %v: raise it above that, or requests are cut off" $key $v.terminationGracePeriodSeconds $needed) }}
{{- end }}
{{- $longest := printf "%s-%s" (include "rlmr.fullname" .root) .component }}
{{- if include "rlmr.modelShared" . }}{{ $longest = include "rlmr.modelJob" . }}{{ end }}
{{- if gt (len $longest) 63 }}
{{- fail (printf "the name of %s makes %s, which is longer than the 63 characters of a Kubernetes name: shorten it, or set fullnameOverride" $key $longest) }}
{{- end }}
{{- end }}

{{- define "rlmr.validateScaling" -}}
{{- $key := .key }}{{ $a := .values.autoscaling }}
{{- if gt (int $a.minReplicas) (int $a.maxReplicas) }}
{{- fail (printf "%s.autoscaling.minReplicas (%v) is above maxReplicas (%v)" $key $a.minReplicas $a.maxReplicas) }}
{{- end }}
{{- if and (eq $a.type "hpa") (lt (int $a.minReplicas) 1) }}
{{- fail (printf "%s.autoscaling.minReplicas 0 needs autoscaling.type keda: an HPA cannot start from zero" $key) }}
{{- end }}
{{- if and (eq $a.type "hpa") (eq .kind "judge") }}
{{- fail (printf "%s.autoscaling.type hpa: the load of the judges is a metric of the verifiers, which an HPA cannot read for other pods; use keda" $key) }}
{{- end }}
{{- if and (eq .kind "aggregator") (lt (int $a.minReplicas) 1) (ne $a.type "none") }}
{{- fail (printf "%s.autoscaling.minReplicas must be at least 1: its metrics wake the other services" $key) }}
{{- end }}
{{- if and (eq .kind "aggregator") (ne $a.type "none") (not (dig "requests" "cpu" "" .values.resources)) }}
{{- fail (printf "%s.autoscaling scales on the share of the requested CPU: set %s.resources.requests.cpu" $key $key) }}
{{- end }}
{{- $m := .root.Values.monitoring }}
{{- if and (eq $a.type "keda") (ne .kind "aggregator") (not (or $m.serviceMonitor.enabled $m.scrapedElsewhere)) }}
{{- fail (printf "%s.autoscaling.type keda asks Prometheus for the services' metrics, but nothing scrapes them, and it would stay at minReplicas for ever: set monitoring.serviceMonitor.enabled, or monitoring.scrapedElsewhere if your Prometheus scrapes them in another way (with the labels namespace, release and component)" $key) }}
{{- end }}
{{- end }}

{{- define "rlmr.validateModel" -}}
{{- $key := ternary "verifier" .key (eq .kind "judge") }}{{ $m := .values.model }}
{{- if eq $m.source "hub" }}
{{- if not $m.hub.repository }}{{ fail (printf "%s.model.source is hub: set %s.model.hub.repository" $key $key) }}{{ end }}
{{- if not $m.hub.revision }}{{ fail (printf "%s.model.hub.revision is empty: set it to the commit that you want to serve (40 hexadecimal digits; the hub's page of the model lists them)" $key) }}{{ end }}
{{- if not (or $m.allowMovingRevision (regexMatch "^[0-9a-f]{40}$" $m.hub.revision)) }}
{{- fail (printf "%s.model.hub.revision %q is a branch or tag, which can move: a pod that starts in the middle of a training could serve other weights. Set the commit (40 hexadecimal digits), or %s.model.allowMovingRevision: true" $key $m.hub.revision $key) }}
{{- end }}
{{- end }}
{{- if and (eq $m.source "image") (not $m.image.digest) (not $m.allowMovingRevision) }}
{{- if eq (include "rlmr.modelRevision" .) "latest" }}
{{- fail (printf "%s.model.image.tag latest can move: a pod that starts in the middle of a training could serve other weights. Set a tag that stays or a digest, or %s.model.allowMovingRevision: true" $key $key) }}
{{- end }}
{{- end }}
{{- if and (eq $m.source "pvc") (not $m.pvc.claimName) }}{{ fail (printf "%s.model.source is pvc: set %s.model.pvc.claimName" $key $key) }}{{ end }}
{{- if and (eq $m.source "path") (not $m.path) }}{{ fail (printf "%s.model.source is path: set %s.model.path" $key $key) }}{{ end }}
{{- if and (ne .kind "writing-rm") (eq $m.source "image") (eq $m.image.repository "rlmr-story-world") }}
{{- fail "verifier.model.image.repository is rlmr-story-world, a small reward model that cannot judge: name the judge's model (verifier.model)" }}
{{- end }}
{{- end }}

{{- define "rlmr.validateEngine" -}}
{{- $key := ternary "verifier" .key (eq .kind "judge") }}{{ $e := .values.engine }}
{{- if not $e.image.repository }}{{ fail (printf "%s.engine.image.repository is empty: name the engine's image (values-gpu.yaml has a pinned one)" $key) }}{{ end }}
{{- if not (or $e.image.tag $e.image.digest) }}{{ fail (printf "%s.engine.image needs a tag or a digest" $key) }}{{ end }}
{{- if eq $e.type "torch" }}{{ fail (printf "%s.engine.type torch has no container: use sglang or vllm" $key) }}{{ end }}
{{- if and (ne .kind "judge") (eq (int $e.port) (int (include "rlmr.port" .))) }}
{{- fail (printf "%s.engine.port %v is the port of our own container in the same pod: choose another" $key (int $e.port)) }}
{{- end }}
{{- range $gpu := list "nvidia.com/gpu" "amd.com/gpu" }}
{{- with dig "limits" $gpu 0 $e.resources }}
{{- if ne (int .) (int $e.tensorParallel) }}
{{- fail (printf "%s.engine.tensorParallel is %v, but %s.engine.resources.limits has %s: %v; an engine spans exactly the GPUs of its container" $key (int $e.tensorParallel) $key $gpu .) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "rlmr.validateUpstreams" -}}
{{- $key := .key }}{{ $root := .root }}
{{- $there := dict }}
{{- range include "rlmr.components" .root | fromJsonArray }}{{ $_ := set $there .component true }}{{ end }}
{{- range include "rlmr.upstreams" . | fromJsonArray }}
{{- if and .component (not (get $there .component)) }}
{{- if .name }}
{{- fail (printf "%s asks the reward model %q, which is no entry of writingRms (or is not enabled there)" $key .name) }}
{{- else }}
{{- $needed := ternary "writingRm" "verifier" (eq .kind "writing-rm") }}
{{- fail (printf "%s.enabled is false: set %s.externalUrl, which %s then asks" $needed $needed $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "rlmr.validateAccess" -}}
{{- $v := .Values }}
{{- $j := $v.verifier.judge }}
{{- if and (gt (int $j.votes) 1) (eq ($j.sampling.temperature | toString) "0") }}
{{- fail (printf "verifier.judge.votes is %v: at temperature 0 all votes are one; set verifier.judge.sampling.temperature, 0.6 say" $j.votes) }}
{{- end }}
{{- if and (eq $j.mode "yes_no") (or (gt (int $j.votes) 1) (eq $j.thinking "on")) }}
{{- fail "verifier.judge.mode yes_no reads one token's log-probabilities: set verifier.judge.votes 1, and thinking off or default" }}
{{- end }}
{{- if and (eq $v.verifier.judge.type "url") (not (and $v.verifier.judge.url $v.verifier.judge.model)) }}
{{- fail "verifier.judge.type is url: set verifier.judge.url and verifier.judge.model" }}
{{- end }}
{{- $outside := or $v.ingress.enabled $v.httpRoute.enabled }}
{{- if and $outside (not $v.aggregator.enabled) }}
{{- fail "ingress.enabled and httpRoute.enabled open the aggregator: aggregator.enabled must be true" }}
{{- end }}
{{- if and $outside (not $v.auth.existingSecret) (not $v.auth.allowOutsideWithoutKey) }}
{{- fail "ingress.enabled and httpRoute.enabled open the aggregator to everyone who reaches them: set auth.existingSecret, or auth.allowOutsideWithoutKey: true if something before it asks for a key" }}
{{- end }}
{{- if and $outside $v.networkPolicy.enabled $v.networkPolicy.aggregatorFrom (not $v.networkPolicy.ingressFrom) }}
{{- fail "networkPolicy.aggregatorFrom names the callers of the aggregator, and the Ingress controller or Gateway is none of them: name its pods in networkPolicy.ingressFrom" }}
{{- end }}
{{- if $v.ingress.enabled }}
{{- range $v.ingress.hosts }}{{ range .paths }}
{{- if and (ne .pathType "Exact") (has .path (list "/" "")) }}
{{- fail "ingress.hosts: the path / of type Prefix also opens /metrics, which needs no key: name the routes (values.yaml has them)" }}
{{- end }}
{{- end }}{{ end }}
{{- end }}
{{- if $v.httpRoute.enabled }}
{{- if not $v.httpRoute.parentRefs }}
{{- fail "httpRoute.enabled needs httpRoute.parentRefs: name the Gateway that should carry the route" }}
{{- end }}
{{- range $v.httpRoute.paths }}
{{- if and (eq .type "PathPrefix") (eq .value "/") }}
{{- fail "httpRoute.paths: the prefix / also opens /metrics, which needs no key: name the routes (values.yaml has them)" }}
{{- end }}
{{- end }}
{{- $unit := get (dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0) (regexFind "[a-z]+$" $v.httpRoute.timeout) }}
{{- $seconds := mulf (regexFind "^[0-9]+" $v.httpRoute.timeout | float64) $unit }}
{{- $deadline := get $v.aggregator.settings "TIMEOUT_MAX_SECONDS" | default 170 | float64 }}
{{- if le $seconds $deadline }}
{{- fail (printf "httpRoute.timeout is %s, but the aggregator may take %v seconds (TIMEOUT_MAX_SECONDS): raise it above that" $v.httpRoute.timeout $deadline) }}
{{- end }}
{{- end }}
{{- end }}
