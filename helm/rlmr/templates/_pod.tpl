{{/* The pod of one component. Argument: {root, component, values}. */}}
{{- define "rlmr.pod" -}}
{{- $values := .values }}
{{- $port := include "rlmr.port" .component }}
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
{{- if include "rlmr.usesModel" . }}
{{- with include "rlmr.modelInit" . }}
initContainers: {{- . | nindent 2 }}
{{- end }}
{{- end }}
containers:
  - name: {{ .component }}
    image: {{ include "rlmr.image" (dict "root" .root "image" $values.image) }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    args: [serve, {{ .component }}]
    ports:
      - {name: http, containerPort: {{ $port }}}
    envFrom:
      - configMapRef: {name: {{ include "rlmr.fullname" .root }}-{{ .component }}}
    {{- with include "rlmr.secretEnv" . }}
    env: {{- . | nindent 6 }}
    {{- end }}
    startupProbe:
      httpGet: {path: /livez, port: http}
      periodSeconds: {{ $values.startupProbe.periodSeconds }}
      failureThreshold: {{ $values.startupProbe.failureThreshold }}
      timeoutSeconds: 5
    livenessProbe:
      httpGet: {path: /livez, port: http}
      periodSeconds: 10
      failureThreshold: 6
      timeoutSeconds: 5
    # Says no while the model loads, while an upstream or engine is away, and while the pod drains.
    readinessProbe:
      httpGet: {path: /readyz, port: http}
      periodSeconds: 3
      failureThreshold: 2
      timeoutSeconds: 5
    {{- if $values.preStopSeconds }}
    lifecycle:
      preStop:
        exec:
          command: [sleep, {{ $values.preStopSeconds | quote }}]
    {{- end }}
    resources: {{- toYaml $values.resources | nindent 6 }}
    securityContext: {{- toYaml .root.Values.containerSecurityContext | nindent 6 }}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
      {{- if eq .component "writing-rm" }}
      {{- include "rlmr.modelMount" . | nindent 6 }}
      {{- end }}
  {{- if $engine }}
  {{- include "rlmr.engine" (merge (dict "kind" $engine) .) | nindent 2 }}
  {{- end }}
volumes:
  - {name: tmp, emptyDir: {sizeLimit: 1Gi}}
  {{- if include "rlmr.usesModel" . }}
  {{- include "rlmr.modelVolume" . | nindent 2 }}
  {{- end }}
  {{- if $engine }}
  - {name: scratch, emptyDir: {sizeLimit: 20Gi}}
  - {name: shm, emptyDir: {medium: Memory, sizeLimit: {{ $values.engine.shmSize }}}}
  {{- end }}
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
{{- if eq .component "verifier" }}
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
