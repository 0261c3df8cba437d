{{/* Where a model comes from: hub, pvc, image or path. In the end it is a directory; nothing but the init container of source
     hub ever talks to the internet. Every template takes {root, component, values} unless said otherwise. */}}

{{- define "rlmr.usesModel" -}}
{{- if or (eq .component "writing-rm") (include "rlmr.engineKind" .) }}yes{{ end }}
{{- end }}

{{- define "rlmr.modelPath" -}}
{{- $m := .values.model }}
{{- if eq $m.source "hub" }}{{ printf "/models/%s@%s" ($m.hub.repository | replace "/" "--") $m.hub.revision }}
{{- else if eq $m.source "path" }}{{ $m.path }}
{{- else if eq $m.source "pvc" }}{{ printf "/models/%s" $m.pvc.path | trimSuffix "/" }}
{{- else }}{{ printf "/models/%s" $m.image.path | trimSuffix "/" }}
{{- end }}
{{- end }}

{{- define "rlmr.modelVolume" -}}
{{- $m := .values.model }}
{{- if eq $m.source "pvc" }}
- name: model
  persistentVolumeClaim: {claimName: {{ $m.pvc.claimName }}, readOnly: true}
{{- else if ne $m.source "path" }}
- name: model
  {{- if $m.cache.claimName }}
  persistentVolumeClaim: {claimName: {{ $m.cache.claimName }}}
  {{- else }}
  emptyDir: {sizeLimit: {{ $m.cache.size }}}
  {{- end }}
{{- end }}
{{- end }}

{{- define "rlmr.modelMount" -}}
{{- if ne .values.model.source "path" }}
- {name: model, mountPath: /models, readOnly: true}
{{- end }}
{{- end }}

{{/* source image: a copy out of the image works on every version (image volumes need 1.33). source hub: a download of exactly
     one revision, by the writing-rm image or, for a judge, by the engine's (both carry huggingface_hub). */}}
{{- define "rlmr.modelInit" -}}
{{- $m := .values.model }}
{{- if has $m.source (list "image" "hub") }}
- name: model
  {{- if eq $m.source "image" }}
  image: {{ include "rlmr.image" (dict "root" .root "image" $m.image) }}
  command: [cp, -rL, /model/., /models/]
  {{- else }}
  image: {{ if eq .component "writing-rm" }}{{ include "rlmr.image" (dict "root" .root "image" .values.image) }}{{ else }}{{ include "rlmr.engineImage" . }}{{ end }}
  command:
    - python3
    - -c
    - |
      import os
      from huggingface_hub import snapshot_download
      snapshot_download(os.environ["MODEL"], revision=os.environ["REVISION"], local_dir=os.environ["TARGET"])
  env:
    - {name: MODEL, value: {{ $m.hub.repository | quote }}}
    - {name: REVISION, value: {{ $m.hub.revision | quote }}}
    - {name: TARGET, value: {{ include "rlmr.modelPath" . | quote }}}
    - {name: HF_HOME, value: /tmp/hub}
    - {name: HOME, value: /tmp}
    {{- if $m.hub.tokenSecret }}
    - name: HF_TOKEN
      valueFrom:
        secretKeyRef: {name: {{ $m.hub.tokenSecret }}, key: {{ $m.hub.tokenKey }}}
    {{- end }}
  {{- end }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  resources:
    requests: {cpu: 50m, memory: 64Mi}
    limits: {memory: 2Gi}
  securityContext: {{- toYaml .root.Values.containerSecurityContext | nindent 4 }}
  volumeMounts:
    - {name: model, mountPath: /models}
    - {name: tmp, mountPath: /tmp}
{{- end }}
{{- end }}
