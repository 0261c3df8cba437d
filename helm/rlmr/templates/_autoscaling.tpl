{{/* The gauge that a kind scales on: work waiting or running in one pod, refused work included, not bounded by the pod's own
     concurrency. The aggregator has none: what it has in flight waits for its upstreams, and more aggregators would not help; it
     scales on its own CPU. A judge's load is what the verifiers wait for. Argument: the kind. */}}
{{- define "rlmr.loadMetric" -}}
{{- get (dict
  "verifier" "rlmr_verifier_samples_pending"
  "writing-rm" "rlmr_writing_rm_demand_tokens"
  "judge" "rlmr_verifier_judge_calls_in_flight") . }}
{{- end }}

{{/* A target as a Kubernetes quantity: 0.5 is 500m. */}}
{{- define "rlmr.quantity" -}}
{{- if eq (float64 .) (floor .) }}{{ int64 . }}{{ else }}{{ mulf . 1000 | int64 }}m{{ end }}
{{- end }}

{{/* The aggregators of the release that ask a component, as a regular expression of their names. Argument: {root, component}. */}}
{{- define "rlmr.askedBy" -}}
{{- $names := list }}
{{- range $c := include "rlmr.components" .root | fromJsonArray }}
{{- if eq $c.kind "aggregator" }}
{{- range include "rlmr.upstreams" (merge (dict "root" $.root) $c) | fromJsonArray }}
{{- if eq .component $.component }}{{ $names = append $names $c.component }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- uniq $names | join "|" }}
{{- end }}
