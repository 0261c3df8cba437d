{{/* Alerts about pods that are not there, one pair a component of this release: only the release knows what should be there, and what
     may be at zero. A component that may sleep (minReplicas 0) is missed only while somebody asks for it. */}}
{{- define "rlmr.availabilityAlerts" -}}
{{- $root := . }}
{{- range $c := include "rlmr.components" . | fromJsonArray }}
{{- if ne $c.kind "judge" }}
{{- $match := printf "namespace=%q,release=%q,component=%q" $root.Release.Namespace $root.Release.Name $c.component }}
{{- $sleeps := and (eq $c.values.autoscaling.type "keda") (eq (int $c.values.autoscaling.minReplicas) 0) }}
{{- $asked := include "rlmr.askedBy" (dict "root" $root "component" $c.component) }}
{{- $demand := printf "sum(rate(rlmr_aggregator_upstream_attempts_total{namespace=%q,release=%q,component=~%q,upstream=~%q}[5m])) > 0" $root.Release.Namespace $root.Release.Name $asked (ternary "verifier" "writing_rm|shadow" (eq $c.kind "verifier")) }}
- alert: RLMRServiceMissing
  expr: absent(rlmr_build_info{ {{- $match }}}){{ if $sleeps }} and on () ({{ $demand }}){{ end }}
  {{- /* From zero a pod has to be made and its model loaded. */}}
  for: {{ if $sleeps }}20m{{ else }}5m{{ end }}
  labels: {severity: critical, component: {{ $c.component }}}
  annotations:
    summary: No pod of {{ $c.component }} is there, or Prometheus cannot reach it
    description: {{ if eq $c.kind "aggregator" }}Trainers get no rewards.{{ else }}Samples are `unavailable` and their groups dropped.{{ end }}
    runbook_url: RUNBOOK#rlmrservicemissing
- alert: RLMRServiceDown
  expr: sum by (namespace, release, component) (rlmr_ready{ {{- $match }}}) == 0
  for: {{ if $sleeps }}20m{{ else }}3m{{ end }}
  labels: {severity: critical, component: {{ $c.component }}}
  annotations:
    summary: No pod of {{ $c.component }} is ready
    description: Rewards cannot be computed; trainers get `unavailable` and drop their groups.
    runbook_url: RUNBOOK#rlmrservicedown
{{- end }}
{{- end }}
{{- end }}
