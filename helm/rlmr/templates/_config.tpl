{{/* The settings of one component as environment variables: what the chart knows, then `settings`, which win.
     Argument: {root, component, values}. */}}
{{- define "rlmr.config" -}}
{{- $prefix := include "rlmr.prefix" .component }}
{{- $values := .values }}
{{- $config := dict
  "HOST" "0.0.0.0"
  "PORT" (include "rlmr.port" .component)
  "DRAIN_SECONDS" ($values.drainSeconds | toString)
  "SHUTDOWN_SECONDS" ($values.shutdownSeconds | toString) }}
{{- if eq .component "aggregator" }}
{{- $_ := set $config "WRITING_RM_URL" (include "rlmr.url" (dict "root" .root "component" "writing-rm")) }}
{{- $_ := set $config "VERIFIER_URL" (include "rlmr.url" (dict "root" .root "component" "verifier")) }}
{{- $asleep := list }}
{{- range $upstream, $key := dict "verifier" "verifier" "writing_rm" "writingRm" }}
{{- $scaling := (index $.root.Values $key).autoscaling }}
{{- if and (eq $scaling.type "keda") (eq (int $scaling.minReplicas) 0) }}{{ $asleep = append $asleep $upstream }}{{ end }}
{{- end }}
{{- if $asleep }}
{{- /* Only attempts to reach a service at zero pods wake it, and an unready aggregator gets no requests. */}}
{{- $_ := set $config "READY_WITHOUT" (toJson $asleep) }}
{{- end }}
{{- else if eq .component "writing-rm" }}
{{- $_ := set $config "MODEL_DIR" (include "rlmr.modelPath" .) }}
{{- $_ := set $config "ENGINE" $values.engine.type }}
{{- if ne $values.engine.type "torch" }}
{{- $_ := set $config "ENGINE_URLS" (printf "http://127.0.0.1:%v" $values.engine.port) }}
{{- end }}
{{- else if eq $values.judge.type "engine" }}
{{- $_ := set $config "JUDGE_URL" (printf "http://127.0.0.1:%v/v1" $values.engine.port) }}
{{- $_ := set $config "JUDGE_MODEL" ($values.judge.model | default (include "rlmr.modelPath" .)) }}
{{- else if eq $values.judge.type "url" }}
{{- $_ := set $config "JUDGE_URL" $values.judge.url }}
{{- $_ := set $config "JUDGE_MODEL" $values.judge.model }}
{{- end }}
{{- range $key, $value := $values.settings }}
{{- $_ := set $config $key $value }}
{{- end }}
{{- range $key, $value := $config }}
{{- /* Helm holds a number as a float, whose text is 1.6777216e+07 from a million on: no integer setting reads that. */}}
{{- if kindIs "float64" $value }}{{ if eq $value (floor $value) }}{{ $value = printf "%.0f" $value }}{{ end }}{{ end }}
{{ $prefix }}{{ $key }}: {{ $value | toString | quote }}
{{- end }}
{{- end }}
