{{/* The gauge that a component scales on: work waiting or running in one pod, refused work included, not bounded by the pod's
     own concurrency. Argument: the component. */}}
{{- define "rlmr.loadMetric" -}}
{{- get (dict
  "aggregator" "rlmr_http_requests_in_flight"
  "verifier" "rlmr_verifier_samples_pending"
  "writing-rm" "rlmr_writing_rm_demand_tokens") . }}
{{- end }}

{{/* What wakes a component from zero pods: the aggregator's attempts to reach it, since nobody else is there to tell.
     Counted per upstream (writing_rm, verifier); failed attempts and their retries are in it. */}}
{{- define "rlmr.demandMetric" -}}
rlmr_aggregator_upstream_attempts_total
{{- end }}
