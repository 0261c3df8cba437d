{{/* The gauge that a component scales on: work waiting or running in one pod, refused work included, not bounded by the pod's
     own concurrency limit. Argument: the component. */}}
{{- define "rlmr.loadMetric" -}}
{{- get (dict "aggregator" "rlmr_http_requests_in_flight" "verifier" "rlmr_http_requests_in_flight" "writing-rm" "rlmr_writing_rm_queue_requests") . }}
{{- end }}

{{/* What wakes a component from zero pods: work that the aggregator holds for it, since nobody else is there to tell. */}}
{{- define "rlmr.demandMetric" -}}
rlmr_aggregator_upstream_in_flight
{{- end }}
