{{/* The settings of one component as environment variables: what the chart knows, then `settings`, which win.
     Argument: a component {root, component, kind, key, values}. */}}
{{- define "rlmr.config" -}}
{{- $prefix := include "rlmr.prefix" .kind }}
{{- $values := .values }}
{{- $config := dict
  "HOST" .root.Values.listenAddress
  "PORT" (include "rlmr.port" .)
  "DRAIN_SECONDS" ($values.drainSeconds | toString)
  "SHUTDOWN_SECONDS" ($values.shutdownSeconds | toString) }}
{{- if eq .kind "aggregator" }}
{{- $asleep := list }}
{{- range include "rlmr.upstreams" . | fromJsonArray }}
{{- $_ := set $config (get (dict "writing_rm" "WRITING_RM_URL" "verifier" "VERIFIER_URL" "shadow" "SHADOW_WRITING_RM_URL") .role) .url }}
{{- if and .component (ne .role "shadow") }}
{{- if and (eq .values.autoscaling.type "keda") (eq (int .values.autoscaling.minReplicas) 0) }}{{ $asleep = append $asleep .role }}{{ end }}
{{- end }}
{{- end }}
{{- if $asleep }}
{{- /* Only attempts to reach a service at zero pods wake it, and an unready aggregator gets no requests. */}}
{{- $_ := set $config "READY_WITHOUT" (toJson (sortAlpha $asleep)) }}
{{- end }}
{{- else if eq .kind "writing-rm" }}
{{- $_ := set $config "MODEL_DIR" (include "rlmr.modelPath" .) }}
{{- $_ := set $config "MODEL_SOURCE" (include "rlmr.modelSource" .) }}
{{- $_ := set $config "ENGINE" $values.engine.type }}
{{- if ne $values.engine.type "torch" }}
{{- $_ := set $config "ENGINE_URLS" (printf "http://127.0.0.1:%v" $values.engine.port) }}
{{- end }}
{{- else if has $values.judge.type (list "engine" "pool") }}
{{- $_ := set $config "JUDGE_URL" (printf "http://127.0.0.1:%v/v1" $values.engine.port) }}
{{- if eq $values.judge.type "pool" }}
{{- $_ := set $config "JUDGE_URL" (printf "%s/v1" (include "rlmr.url" (dict "root" .root "component" "judge" "kind" "judge"))) }}
{{- end }}
{{- $_ := set $config "JUDGE_MODEL" ($values.judge.model | default (include "rlmr.modelPath" .)) }}
{{- $_ := set $config "JUDGE_SOURCE" (include "rlmr.modelSource" .) }}
{{- else if eq $values.judge.type "url" }}
{{- $_ := set $config "JUDGE_URL" $values.judge.url }}
{{- $_ := set $config "JUDGE_MODEL" $values.judge.model }}
{{- end }}
{{- if eq .kind "verifier" }}{{ if ne $values.judge.type "none" }}
{{- $judge := $values.judge }}
{{- $_ := set $config "JUDGE_MODE" $judge.mode }}
{{- $_ := set $config "JUDGE_LANGUAGE" $judge.language }}
{{- $_ := set $config "JUDGE_TEMPERATURE" $judge.sampling.temperature }}
{{- $_ := set $config "JUDGE_TOP_P" $judge.sampling.topP }}
{{- $_ := set $config "JUDGE_SEED" $judge.sampling.seed }}
{{- $_ := set $config "JUDGE_THINKING" $judge.thinking }}
{{- $_ := set $config "JUDGE_THINKING_TOKENS" $judge.thinkingTokens }}
{{- $_ := set $config "JUDGE_EXTRA_BODY" (toJson $judge.extraBody) }}
{{- $_ := set $config "JUDGE_VOTES" $judge.votes }}
{{- if $judge.promptsConfigMap }}{{ $_ := set $config "JUDGE_PROMPTS" "/etc/rlmr/prompts" }}{{ end }}
{{- end }}{{ end }}
{{- range $key, $value := $values.settings }}
{{- $_ := set $config $key $value }}
{{- end }}
{{- range $key, $value := $config }}
{{- /* Helm holds a number as a float, whose text is 1.6777216e+07 from a million on: no integer setting reads that. */}}
{{- if kindIs "float64" $value }}{{ if eq $value (floor $value) }}{{ $value = printf "%.0f" $value }}{{ end }}{{ end }}
{{ $prefix }}{{ $key }}: {{ $value | toString | quote }}
{{- end }}
{{- end }}
