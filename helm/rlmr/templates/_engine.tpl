{{/* The engine container of a pod: sglang or vLLM on 127.0.0.1 only, reached by our service in the same pod.
     Argument: {root, component, values, kind: reward or judge}. */}}
{{- define "rlmr.engine" -}}
{{- $engine := .values.engine }}
{{- $model := include "rlmr.modelPath" . }}
- name: engine
  image: {{ include "rlmr.engineImage" . }}
  imagePullPolicy: {{ $engine.image.pullPolicy }}
  {{- if $engine.command }}
  command: {{ toJson $engine.command }}
  {{- else if eq $engine.type "sglang" }}
  command:
    - python3
    - -m
    - sglang.launch_server
    - --model-path={{ $model }}
    - --host=127.0.0.1
    - --port={{ $engine.port }}
    - --context-length={{ int $engine.contextLength }}
    - --tensor-parallel-size={{ $engine.tensorParallel }}
    - --enable-metrics
    {{- if eq .kind "reward" }}
    - --is-embedding
    {{- else }}
    - --constrained-json-disable-any-whitespace
    {{- end }}
    {{- range $engine.extraArgs }}
    - {{ . | quote }}
    {{- end }}
  {{- else }}
  command:
    - python3
    - -m
    - vllm.entrypoints.openai.api_server
    - --model={{ $model }}
    - --host=127.0.0.1
    - --port={{ $engine.port }}
    - --max-model-len={{ int $engine.contextLength }}
    - --tensor-parallel-size={{ $engine.tensorParallel }}
    {{- if eq .kind "reward" }}
    - --runner=pooling
    {{- else }}
    # Without it a judge may write white space until its tokens are spent (sglang has a flag of its own).
    - '--structured-outputs-config={"backend":"xgrammar","disable_any_whitespace":true}'
    {{- end }}
    {{- range $engine.extraArgs }}
    - {{ . | quote }}
    {{- end }}
  {{- end }}
  env:
    # A read-only root: everything the engine compiles or caches goes to the scratch volume.
    - {name: HOME, value: /scratch}
    - {name: XDG_CACHE_HOME, value: /scratch/cache}
    - {name: TRITON_CACHE_DIR, value: /scratch/triton}
    - {name: TORCHINDUCTOR_CACHE_DIR, value: /scratch/inductor}
    - {name: TMPDIR, value: /scratch}
    - {name: HF_HUB_OFFLINE, value: "1"}
    {{- with $engine.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  # kubelet cannot reach a port on localhost: the probes run inside the container.
  startupProbe:
    exec:
      command: {{ include "rlmr.engineAlive" (dict "port" $engine.port "path" "/health" "timeout" 8) }}
    periodSeconds: {{ $engine.startupProbe.periodSeconds }}
    failureThreshold: {{ $engine.startupProbe.failureThreshold }}
    timeoutSeconds: 10
  livenessProbe:
    exec:
      command: {{ include "rlmr.engineAlive" (dict "port" $engine.port "path" "/health" "timeout" 18) }}
    periodSeconds: 20
    failureThreshold: 6
    timeoutSeconds: 20
  # Whether the engine takes requests; whether its scores are right, /readyz of our container says.
  readinessProbe:
    exec:
      command: {{ include "rlmr.engineAlive" (dict "port" $engine.port "path" (ternary "/ready" "/health" (eq $engine.type "sglang")) "timeout" 8) }}
    periodSeconds: 10
    failureThreshold: 2
    timeoutSeconds: 10
  lifecycle:
    preStop:
      exec:
        command:
          - python3
          - -c
          - |
            {{- .root.Files.Get "files/wait_for_service.py" | nindent 12 }}
          - {{ include "rlmr.port" .component | quote }}
          - {{ $engine.port | quote }}
  resources: {{- toYaml $engine.resources | nindent 4 }}
  securityContext: {{- toYaml (mergeOverwrite (deepCopy .root.Values.containerSecurityContext) $engine.securityContext) | nindent 4 }}
  volumeMounts:
    - {name: scratch, mountPath: /scratch}
    - {name: shm, mountPath: /dev/shm}
    {{- include "rlmr.modelMount" . | nindent 4 }}
{{- end }}

{{- define "rlmr.engineAlive" -}}
{{- list "python3" "-c" (printf "import urllib.request; urllib.request.urlopen('http://127.0.0.1:%v%s', timeout=%v)" .port .path .timeout) | toJson }}
{{- end }}

{{/* The engine kind of a component, or empty: reward, judge. Argument: {component, values}. */}}
{{- define "rlmr.engineKind" -}}
{{- if and (eq .component "writing-rm") (ne .values.engine.type "torch") }}reward
{{- else if and (eq .component "verifier") (eq .values.judge.type "engine") }}judge
{{- end }}
{{- end }}

{{- define "rlmr.engineImage" -}}
{{- with .values.engine.image -}}
{{ .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end }}
