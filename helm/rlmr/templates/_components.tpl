{{/* What the release runs, as a JSON list of {component, kind, key, values}: component is the name in labels and objects, kind
     what it is (aggregator, verifier, writing-rm, judge), key where its values stand (for error messages). A named instance has the
     values of its kind under its own. */}}
{{- define "rlmr.components" -}}
{{- $all := list }}
{{- range $kind, $keys := dict "aggregator" (list "aggregator" "aggregators") "verifier" (list "verifier" "") "writing-rm" (list "writingRm" "writingRms") }}
{{- $base := index $.Values (first $keys) }}
{{- if $base.enabled }}
{{- $all = append $all (dict "component" $kind "kind" $kind "key" (first $keys) "values" $base) }}
{{- end }}
{{- if last $keys }}
{{- range $name, $over := index $.Values (last $keys) }}
{{- $values := mergeOverwrite (deepCopy $base) (dict "enabled" true "externalUrl" "") (deepCopy $over) }}
{{- if $values.enabled }}
{{- $all = append $all (dict "component" (printf "%s-%s" $kind $name) "kind" $kind "key" (printf "%s.%s" (last $keys) $name) "values" $values) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.verifier }}
{{- if and .enabled (eq .judge.type "pool") }}
{{- $all = append $all (dict "component" "judge" "kind" "judge" "key" "verifier.judge.pool" "values" (mergeOverwrite (deepCopy .) (deepCopy .judge.pool))) }}
{{- end }}
{{- end }}
{{- toJson $all }}
{{- end }}

{{/* What an aggregator asks, as JSON {url, component, values}: component and values are empty where it is outside of the release.
     Arguments: root, values (the aggregator's), kind (writing-rm, verifier), name (an entry of writingRms, or empty). */}}
{{- define "rlmr.upstream" -}}
{{- $base := index .root.Values (ternary "writingRm" "verifier" (eq .kind "writing-rm")) }}
{{- $setting := get .values.settings (ternary "WRITING_RM_URL" "VERIFIER_URL" (eq .kind "writing-rm")) }}
{{- $component := ternary (printf "%s-%s" .kind .name) .kind (ne .name "") }}
{{- if .name }}
{{- $over := get .root.Values.writingRms .name }}
{{- if not $over }}{{ $over = dict }}{{ end }}
{{- $base = mergeOverwrite (deepCopy $base) (dict "enabled" true "externalUrl" "") (deepCopy $over) }}
{{- $setting = "" }}
{{- end }}
{{- if $setting }}{{ toJson (dict "url" $setting "component" "" "values" dict) }}
{{- else if and (not $base.enabled) $base.externalUrl }}{{ toJson (dict "url" $base.externalUrl "component" "" "values" dict) }}
{{- else }}{{ toJson (dict "url" (include "rlmr.url" (dict "root" .root "component" $component "kind" .kind)) "component" $component "values" $base) }}
{{- end }}
{{- end }}

{{/* Every upstream of an aggregator, as a JSON list of rlmr.upstream with "role". Argument: as for a component. */}}
{{- define "rlmr.upstreams" -}}
{{- $found := list }}
{{- $v := .values }}
{{- $asked := list (dict "role" "writing_rm" "kind" "writing-rm" "name" $v.writingRm) (dict "role" "verifier" "kind" "verifier" "name" "") }}
{{- with get $v.settings "SHADOW_WRITING_RM_URL" }}
{{- $found = append $found (dict "role" "shadow" "kind" "writing-rm" "name" "" "url" . "component" "" "values" dict) }}
{{- else }}
{{- with $v.shadow.writingRm }}{{ $asked = append $asked (dict "role" "shadow" "kind" "writing-rm" "name" .) }}{{ end }}
{{- end }}
{{- range $asked }}
{{- $one := include "rlmr.upstream" (merge (dict "root" $.root "values" $v) .) | fromJson }}
{{- $found = append $found (merge (dict "role" .role "kind" .kind "name" .name) $one) }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{/* Port of a URL. */}}
{{- define "rlmr.portOf" -}}
{{- $url := urlParse . }}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" }}
{{- $port | default (ternary "443" "80" (eq $url.scheme "https")) }}
{{- end }}
