{{- define "rlmr.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Prefix of every object. 40 characters leave room for the longest suffix within the 63 of a DNS label. Helm allows a dot in the
     name of a release, a Service does not. */}}
{{- define "rlmr.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "rlmr.name" .) .Release.Name }}
{{- .Release.Name | replace "." "-" | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "rlmr.name" .) | replace "." "-" | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "rlmr.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "rlmr.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Port and prefix of the settings of a kind. Argument of the second: the kind; of the first: as for a component. */}}
{{- define "rlmr.port" -}}
{{- if eq .kind "judge" }}{{ .root.Values.verifier.engine.port }}
{{- else }}{{ get (dict "aggregator" "8000" "verifier" "8002" "writing-rm" "8001") .kind }}
{{- end }}
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
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Address of an image. global.imageRegistry stands before the registry of every image, an engine's included.
     Argument: {root, image: {registry, repository, tag, digest}}; own: the release's registry and tag are the defaults. */}}
{{- define "rlmr.image" -}}
{{- $registry := .root.Values.global.imageRegistry | default (ternary .root.Values.image.registry (get .image "registry") (default false .own)) }}
{{- if and $registry (not (hasSuffix "/" $registry)) }}{{ $registry = printf "%s/" $registry }}{{ end }}
{{- $tag := .image.tag }}
{{- if .own }}
{{- if .image.digest }}{{ $tag = "" }}{{ else }}{{ $tag = $tag | default .root.Values.image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end -}}
{{ $registry }}{{ .image.repository }}{{ with $tag }}:{{ . }}{{ end }}{{ with .image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/* Argument: {root, component, kind}. */}}
{{- define "rlmr.url" -}}
{{- printf "http://%s-%s:%s" (include "rlmr.fullname" .root) .component (include "rlmr.port" .) }}
{{- end }}
