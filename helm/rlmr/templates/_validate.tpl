{{/* What values.schema.json cannot say: rules between fields. Rendering stops with the field and the remedy. */}}
{{- define "rlmr.validate" -}}
{{- range $component := list "aggregator" "verifier" "writing-rm" }}
{{- $key := include "rlmr.valuesKey" $component }}
{{- $v := index $.Values $key }}
{{- $needed := add $v.preStopSeconds $v.drainSeconds $v.shutdownSeconds }}
{{- if le (int $v.terminationGracePeriodSeconds) (int $needed) }}
{{- fail (printf "%s.terminationGracePeriodSeconds is %v, but a draining pod may need preStopSeconds + drainSeconds + shutdownSeconds = %v: raise it above that, or requests are cut off" $key $v.terminationGracePeriodSeconds $needed) }}
{{- end }}
{{- $a := $v.autoscaling }}
{{- if gt (int $a.minReplicas) (int $a.maxReplicas) }}
{{- fail (printf "%s.autoscaling.minReplicas (%v) is above maxReplicas (%v)" $key $a.minReplicas $a.maxReplicas) }}
{{- end }}
{{- if and (eq $a.type "hpa") (lt (int $a.minReplicas) 1) }}
{{- fail (printf "%s.autoscaling.minReplicas 0 needs autoscaling.type keda: an HPA cannot start from zero" $key) }}
{{- end }}
{{- if and (eq $component "aggregator") (lt (int $a.minReplicas) 1) (ne $a.type "none") }}
{{- fail "aggregator.autoscaling.minReplicas must be at least 1: its metrics wake the other services" }}
{{- end }}
{{- $args := dict "root" $ "component" $component "values" $v }}
{{- if ne $component "aggregator" }}
{{- if include "rlmr.usesModel" $args }}
{{- $m := $v.model }}
{{- if and (eq $m.source "hub") (not $m.hub.repository) }}{{ fail (printf "%s.model.source is hub: set %s.model.hub.repository" $key $key) }}{{ end }}
{{- if and (eq $m.source "pvc") (not $m.pvc.claimName) }}{{ fail (printf "%s.model.source is pvc: set %s.model.pvc.claimName" $key $key) }}{{ end }}
{{- if and (eq $m.source "path") (not $m.path) }}{{ fail (printf "%s.model.source is path: set %s.model.path" $key $key) }}{{ end }}
{{- end }}
{{- if include "rlmr.engineKind" $args }}
{{- if not $v.engine.image.repository }}{{ fail (printf "%s.engine.image.repository is empty: name the engine's image (values-gpu.yaml has a pinned one)" $key) }}{{ end }}
{{- if not (or $v.engine.image.tag $v.engine.image.digest) }}{{ fail (printf "%s.engine.image needs a tag or a digest" $key) }}{{ end }}
{{- if eq $v.engine.type "torch" }}{{ fail (printf "%s.engine.type torch has no container: use sglang or vllm" $key) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (eq .Values.verifier.judge.type "url") (not (and .Values.verifier.judge.url .Values.verifier.judge.model)) }}
{{- fail "verifier.judge.type is url: set verifier.judge.url and verifier.judge.model" }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.enabled needs httpRoute.parentRefs: name the Gateway that should carry the route" }}
{{- end }}
{{- end }}
