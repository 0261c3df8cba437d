{{- define "rlmr.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Prefix of every object. 40 characters leave room for the longest suffix within the 63 of a DNS label. */}}
{{- define "rlmr.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "rlmr.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "rlmr.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "rlmr.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "rlmr.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Component (as in labels and object names) -> key in the values, port, prefix of the settings. Argument: the component. */}}
{{- define "rlmr.valuesKey" -}}
{{- get (dict "aggregator" "aggregator" "verifier" "verifier" "writing-rm" "writingRm") . }}
{{- end }}
{{- define "rlmr.port" -}}
{{- get (dict "aggregator" "8000" "verifier" "8002" "writing-rm" "8001") . }}
{{- end }}
{{- define "rlmr.prefix" -}}
{{- get (dict "aggregator" "RLMR_AGGREGATOR_" "verifier" "RLMR_VERIFIER_" "writing-rm" "RLMR_WRITING_RM_") . }}
{{- end }}

{{/* Labels below take {root, component}; component may be empty. */}}
{{- define "rlmr.selectorLabels" -}}
app.kubernetes.io/name: {{ include "rlmr.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "rlmr.labels" -}}
{{ include "rlmr.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: rlmr
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Address of an RLMR image. Argument: {root, image: {repository, tag, digest}}. */}}
{{- define "rlmr.image" -}}
{{- $registry := .root.Values.image.registry }}
{{- if and $registry (not (hasSuffix "/" $registry)) }}{{ $registry = printf "%s/" $registry }}{{ end }}
{{- if .image.digest }}
{{- printf "%s%s@%s" $registry .image.repository .image.digest }}
{{- else }}
{{- printf "%s%s:%s" $registry .image.repository (.image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "rlmr.url" -}}
{{- printf "http://%s-%s:%s" (include "rlmr.fullname" .root) .component (include "rlmr.port" .component) }}
{{- end }}
