{{/* Where a model comes from: hub, pvc, image or path. In the end it is a directory of /models named after exactly one version,
     which holds a marker once it is complete. With a claim (model.cache.claimName) a Job of its own writes it and the pods wait;
     without one each pod's init container fetches it into its own volume. Only what fetches from a hub talks to the internet.
     Every template takes a component {root, component, kind, key, values} unless said otherwise. */}}

{{- define "rlmr.usesModel" -}}
{{- if or (eq .kind "writing-rm") (include "rlmr.engineKind" .) }}yes{{ end }}
{{- end }}

{{/* yes where something is fetched. */}}
{{- define "rlmr.modelFetched" -}}
{{- if and (ne .kind "aggregator") (include "rlmr.usesModel" .) (has .values.model.source (list "image" "hub")) }}yes{{ end }}
{{- end }}

{{/* yes where a Job fetches it for all pods. */}}
{{- define "rlmr.modelShared" -}}
{{- if and (include "rlmr.modelFetched" .) .values.model.cache.claimName }}yes{{ end }}
{{- end }}

{{/* What is served, in words: REPOSITORY@REVISION. */}}
{{- define "rlmr.modelSource" -}}
{{- $m := .values.model }}
{{- if eq $m.source "hub" }}{{ printf "%s@%s" $m.hub.repository $m.hub.revision }}
{{- else if eq $m.source "image" }}{{ printf "%s@%s" $m.image.repository (include "rlmr.modelRevision" .) }}
{{- else if eq $m.source "pvc" }}{{ printf "%s/%s" $m.pvc.claimName $m.pvc.path | trimSuffix "/" }}
{{- else }}{{ $m.path }}
{{- end }}
{{- end }}

{{/* The version alone; empty for pvc and path, which have none. */}}
{{- define "rlmr.modelRevision" -}}
{{- $m := .values.model }}
{{- if eq $m.source "hub" }}{{ $m.hub.revision }}
{{- else if eq $m.source "image" }}{{ $m.image.digest | default $m.image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion | replace ":" "-" }}
{{- end }}
{{- end }}

{{/* Directory that is fetched, one per version. */}}
{{- define "rlmr.modelTarget" -}}
{{- printf "/models/%s" (include "rlmr.modelSource" . | replace "/" "--") }}
{{- end }}

{{- define "rlmr.modelPath" -}}
{{- $m := .values.model }}
{{- if eq $m.source "hub" }}{{ include "rlmr.modelTarget" . }}
{{- else if eq $m.source "path" }}{{ $m.path }}
{{- else if eq $m.source "pvc" }}{{ printf "/models/%s" $m.pvc.path | trimSuffix "/" }}
{{- else }}{{ printf "%s/%s" (include "rlmr.modelTarget" .) $m.image.path | trimSuffix "/" }}
{{- end }}
{{- end }}

{{- define "rlmr.modelVolume" -}}
{{- $m := .values.model }}
{{- if eq $m.source "pvc" }}
- name: model
  persistentVolumeClaim: {claimName: {{ $m.pvc.claimName }}, readOnly: true}
{{- else if include "rlmr.modelShared" . }}
- name: model
  persistentVolumeClaim: {claimName: {{ $m.cache.claimName }}}
{{- else if ne $m.source "path" }}
- name: model
  emptyDir: {sizeLimit: {{ $m.cache.size }}}
{{- end }}
{{- end }}

{{- define "rlmr.modelMount" -}}
{{- if ne .values.model.source "path" }}
- {name: model, mountPath: /models, readOnly: true}
{{- end }}
{{- end }}

{{/* An image with Python and huggingface_hub: the writing-rm's or, for a judge, the engine's. */}}
{{- define "rlmr.fetchImage" -}}
{{- if eq .kind "writing-rm" }}{{ include "rlmr.image" (dict "root" .root "image" .values.image "own" true) }}{{ else }}{{ include "rlmr.image" (dict "root" .root "image" .values.engine.image) }}{{ end }}
{{- end }}

{{/* The init container of a pod: fetches, or waits for the Job that does. */}}
{{- define "rlmr.modelInit" -}}
{{- if include "rlmr.modelShared" . }}
- name: model
  image: {{ include "rlmr.fetchImage" . }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  command:
    - python3
    - -c
    - |
      {{- .root.Files.Get "files/wait_for_model.py" | nindent 6 }}
    - {{ include "rlmr.modelTarget" . }}
    - {{ include "rlmr.modelJob" . }}
  resources:
    requests: {cpu: 10m, memory: 32Mi, ephemeral-storage: 16Mi}
    limits: {memory: 128Mi}
  securityContext: {{- toYaml .root.Values.containerSecurityContext | nindent 4 }}
  volumeMounts:
    - {name: model, mountPath: /models, readOnly: true}
{{- else if include "rlmr.modelFetched" . }}
{{ include "rlmr.modelFetch" . }}
{{- end }}
{{- end }}

{{/* The container that fetches, into the volume `model`. source image: a copy works on every version (image volumes need 1.33). */}}
{{- define "rlmr.modelFetch" -}}
{{- $m := .values.model }}
{{- $d := $m.download -}}
- name: model
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  {{- if eq $m.source "image" }}
  image: {{ include "rlmr.image" (dict "root" .root "image" $m.image "own" true) }}
  command:
    - sh
    - -c
    - |
      {{- .root.Files.Get "files/copy_model.sh" | nindent 6 }}
    - copy_model
    - {{ include "rlmr.modelTarget" . }}
  {{- else }}
  image: {{ include "rlmr.fetchImage" . }}
  command:
    - python3
    - -c
    - |
      {{- .root.Files.Get "files/fetch_model.py" | nindent 6 }}
  {{- end }}
  env:
    - {name: HOME, value: /tmp}
    {{- if eq $m.source "hub" }}
    - {name: MODEL, value: {{ $m.hub.repository | quote }}}
    - {name: REVISION, value: {{ $m.hub.revision | quote }}}
    - {name: TARGET, value: {{ include "rlmr.modelTarget" . | quote }}}
    - {name: HF_HOME, value: /tmp/hub}
    # The chunk cache would fill /tmp; each file is fetched once.
    - {name: HF_XET_CHUNK_CACHE_SIZE_BYTES, value: "0"}
    {{- with $d.endpoint }}
    - {name: HF_ENDPOINT, value: {{ . | quote }}}
    {{- end }}
    {{- with $d.proxy }}
    - {name: HTTPS_PROXY, value: {{ . | quote }}}
    - {name: HTTP_PROXY, value: {{ . | quote }}}
    {{- end }}
    {{- if $d.caBundle.configMap }}
    {{- range list "SSL_CERT_FILE" "REQUESTS_CA_BUNDLE" "CURL_CA_BUNDLE" }}
    - {name: {{ . }}, value: /ca/{{ $d.caBundle.key }}}
    {{- end }}
    {{- end }}
    {{- if $m.hub.tokenSecret }}
    - name: HF_TOKEN
      valueFrom:
        secretKeyRef: {name: {{ $m.hub.tokenSecret }}, key: {{ $m.hub.tokenKey }}}
    {{- end }}
    {{- end }}
    {{- with $d.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $resources := deepCopy $d.resources }}
  {{- if not (include "rlmr.modelShared" .) }}
  {{- /* The copy lies in the node's own storage: ask for a node that has it. */}}
  {{- $_ := set $resources "requests" (merge (dict "ephemeral-storage" $m.cache.size) $resources.requests) }}
  {{- end }}
  resources: {{- toYaml $resources | nindent 4 }}
  securityContext: {{- toYaml .root.Values.containerSecurityContext | nindent 4 }}
  volumeMounts:
    - {name: model, mountPath: /models}
    - {name: tmp, mountPath: /tmp}
    {{- if include "rlmr.modelCa" . }}
    - {name: ca, mountPath: /ca, readOnly: true}
    {{- end }}
{{- end }}

{{- define "rlmr.modelCa" -}}
{{- if and (eq .values.model.source "hub") .values.model.download.caBundle.configMap }}yes{{ end }}
{{- end }}

{{- define "rlmr.modelCaVolume" -}}
{{- if include "rlmr.modelCa" . }}
- {name: ca, configMap: {name: {{ .values.model.download.caBundle.configMap }}}}
{{- end }}
{{- end }}

{{/* A Job cannot be changed: each version of the model, and each way to fetch it, has its own. */}}
{{- define "rlmr.modelJob" -}}
{{- printf "%s-%s" (include "rlmr.modelJobPrefix" .) (include "rlmr.modelJobPod" . | sha256sum | trunc 8) }}
{{- end }}

{{- define "rlmr.modelJobPrefix" -}}
{{- printf "%s-%s-model" (include "rlmr.fullname" .root) .component }}
{{- end }}

{{- define "rlmr.modelJobPod" -}}
restartPolicy: OnFailure
serviceAccountName: {{ include "rlmr.serviceAccountName" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext: {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.model.download.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.model.download.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  {{- include "rlmr.modelFetch" . | nindent 2 }}
volumes:
  - {name: tmp, emptyDir: {sizeLimit: 1Gi}}
  {{- include "rlmr.modelVolume" . | nindent 2 }}
  {{- include "rlmr.modelCaVolume" . | nindent 2 }}
{{- end }}
