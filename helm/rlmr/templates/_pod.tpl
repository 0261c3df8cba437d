{{/* The pod of one component {root, component, kind, key, values}. */}}
{{- define "rlmr.pod" -}}
{{- $values := .values }}
{{- $pod := $values.pod }}
{{- $engine := include "rlmr.engineKind" . }}
serviceAccountName: {{ include "rlmr.serviceAccountName" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
securityContext: {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $pod.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with $pod.schedulerName }}
schedulerName: {{ . }}
{{- end }}
{{- with $pod.resourceClaims }}
resourceClaims: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.topologySpread }}
topologySpreadConstraints:
  {{- range . }}
  - topologyKey: {{ .topologyKey }}
    maxSkew: {{ .maxSkew }}
    whenUnsatisfiable: {{ .whenUnsatisfiable }}
    labelSelector:
      matchLabels: {{- include "rlmr.selectorLabels" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- $init := include "rlmr.modelInit" . }}
{{- if or $init $pod.initContainers }}
initContainers:
  {{- with $init }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with $pod.initContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
containers:
  {{- if ne .kind "judge" }}
  {{- include "rlmr.service" . | nindent 2 }}
  {{- end }}
  {{- if $engine }}
  {{- include "rlmr.engine" (merge (dict "engine" $engine) .) | nindent 2 }}
  {{- end }}
  {{- with $pod.sidecars }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumes:
  {{- if or (ne .kind "judge") (and (include "rlmr.modelFetched" .) (not (include "rlmr.modelShared" .))) }}
  - {name: tmp, emptyDir: {sizeLimit: 1Gi}}
  {{- end }}
  {{- if include "rlmr.usesModel" . }}
  {{- include "rlmr.modelVolume" . | nindent 2 }}
  {{- if and (include "rlmr.modelFetched" .) (not (include "rlmr.modelShared" .)) }}
  {{- include "rlmr.modelCaVolume" . | nindent 2 }}
  {{- end }}
  {{- end }}
  {{- if $engine }}
  - {name: scratch, emptyDir: {sizeLimit: {{ $values.engine.scratchSize }}}}
  - {name: shm, emptyDir: {medium: Memory, sizeLimit: {{ $values.engine.shmSize }}}}
  {{- end }}
  {{- with include "rlmr.judgePrompts" . }}
  - {name: prompts, configMap: {name: {{ . }}}}
  {{- end }}
  {{- with $pod.volumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* The container of our own service. */}}
{{- define "rlmr.service" -}}
{{- $values := .values -}}
- name: {{ .kind }}
  image: {{ include "rlmr.image" (dict "root" .root "image" $values.image "own" true) }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  args: [serve, {{ .kind }}]
  ports:
    - {name: http, containerPort: {{ include "rlmr.port" . }}}
  envFrom:
    - configMapRef: {name: {{ include "rlmr.fullname" .root }}-{{ .component }}}
    {{- with $values.pod.envFrom }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with include "rlmr.secretEnv" . }}
  env: {{- . | nindent 4 }}
  {{- end }}
  startupProbe:
    httpGet: {path: /livez, port: http}
    {{- toYaml $values.startupProbe | nindent 4 }}
  livenessProbe:
    httpGet: {path: /livez, port: http}
    {{- toYaml $values.livenessProbe | nindent 4 }}
  # Says no while the model loads, while an upstream or engine is away, and while the pod drains.
  readinessProbe:
    httpGet: {path: /readyz, port: http}
    {{- toYaml $values.readinessProbe | nindent 4 }}
  {{- if $values.preStopSeconds }}
  lifecycle:
    preStop:
      exec:
        command: [sleep, {{ $values.preStopSeconds | quote }}]
  {{- end }}
  resources: {{- toYaml $values.resources | nindent 4 }}
  securityContext: {{- toYaml .root.Values.containerSecurityContext | nindent 4 }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    {{- if eq .kind "writing-rm" }}
    {{- include "rlmr.modelMount" . | nindent 4 }}
    {{- end }}
    {{- if include "rlmr.judgePrompts" . }}
    - {name: prompts, mountPath: /etc/rlmr/prompts, readOnly: true}
    {{- end }}
    {{- with $values.pod.volumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* The ConfigMap with the judge's prompts, if one is given and there is a judge. */}}
{{- define "rlmr.judgePrompts" -}}
{{- if eq .kind "verifier" }}{{ if ne .values.judge.type "none" }}{{ .values.judge.promptsConfigMap }}{{ end }}{{ end }}
{{- end }}

{{/* Keys come from Secrets only; everything else is in the ConfigMap. */}}
{{- define "rlmr.secretEnv" -}}
{{- with .root.Values.auth }}
{{- if .existingSecret }}
- name: RLMR_API_KEY
  valueFrom:
    secretKeyRef: {name: {{ .existingSecret }}, key: {{ .key }}}
- {name: RLMR_API_KEY_NAME, value: {{ printf "%s.%s" .existingSecret .key | quote }}}
{{- with .second }}
{{- if .existingSecret }}
- name: RLMR_API_KEY_2
  valueFrom:
    secretKeyRef: {name: {{ .existingSecret }}, key: {{ .key }}}
- {name: RLMR_API_KEY_2_NAME, value: {{ printf "%s.%s" .existingSecret .key | quote }}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if eq .kind "verifier" }}
{{- with .values.judge }}
{{- if .existingSecret }}
- name: RLMR_VERIFIER_JUDGE_API_KEY
  valueFrom:
    secretKeyRef: {name: {{ .existingSecret }}, key: {{ .key }}}
{{- end }}
{{- end }}
{{- end }}
{{- with .values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
