{{/* The engine container of a pod: sglang or vLLM on 127.0.0.1, reached by our service in the same pod only; in a pool of judges on
     the pod's own address, for the verifiers (a NetworkPolicy keeps others out). Argument: a component and engine: reward or judge. */}}
{{- define "rlmr.engine" -}}
{{- $engine := .values.engine }}
{{- $host := ternary .root.Values.listenAddress "127.0.0.1" (eq .kind "judge") }}
{{- $model := include "rlmr.modelPath" . }}
- name: engine
  image: {{ include "rlmr.image" (dict "root" .root "image" $engine.image) }}
  imagePullPolicy: {{ $engine.image.pullPolicy }}
  {{- if $engine.command }}
  command: {{ toJson $engine.command }}
  {{- else if eq $engine.type "sglang" }}
  command:
    - python3
    - -m
    - sglang.launch_server
    - --model-path={{ $model }}
    - --host={{ $host }}
    - --port={{ $engine.port }}
    - --context-length={{ int $engine.contextLength }}
    - --tensor-parallel-size={{ $engine.tensorParallel }}
    - --enable-metrics
    {{- if eq .engine "reward" }}
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
    - --host={{ $host }}
    - --port={{ $engine.port }}
    - --max-model-len={{ int $engine.contextLength }}
    - --tensor-parallel-size={{ $engine.tensorParallel }}
    {{- if eq .engine "reward" }}
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
  {{- with $engine.envFrom }}
  envFrom: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if eq .kind "judge" }}
  ports:
    - {name: http, containerPort: {{ $engine.port }}}
  {{- end }}
  # kubelet cannot reach a port on localhost: the probes run inside the container.
  startupProbe:
    exec:
      command: {{ include "rlmr.engineAlive" (dict "port" $engine.port "path" "/health" "seconds" $engine.startupProbe.timeoutSeconds) }}
    {{- toYaml $engine.startupProbe | nindent 4 }}
  livenessProbe:
    exec:
      command: {{ include "rlmr.engineAlive" (dict "port" $engine.port "path" "/health" "seconds" $engine.livenessProbe.timeoutSeconds) }}
    {{- toYaml $engine.livenessProbe | nindent 4 }}
  # Whether the engine takes requests; whether its scores are right, /readyz of our container says.
  readinessProbe:
    exec:
      command: {{ include "rlmr.engineAlive" (dict "port" $engine.port "path" (ternary "/ready" "/health" (eq $engine.type "sglang")) "seconds" $engine.readinessProbe.timeoutSeconds) }}
    {{- toYaml $engine.readinessProbe | nindent 4 }}
  lifecycle:
    preStop:
      exec:
        {{- if eq .kind "judge" }}
        # Until every verifier has learnt that this pod leaves; then the engine finishes what it has.
        command: [sleep, {{ .values.drainSeconds | quote }}]
        {{- else }}
        command:
          - python3
          - -c
          - |
            {{- .root.Files.Get "files/wait_for_service.py" | nindent 12 }}
          - {{ include "rlmr.port" . | quote }}
          - {{ $engine.port | quote }}
          - {{ .values.preStopSeconds | quote }}
        {{- end }}
  resources: {{- toYaml $engine.resources | nindent 4 }}
  securityContext: {{- toYaml (mergeOverwrite (deepCopy .root.Values.containerSecurityContext) $engine.securityContext) | nindent 4 }}
  volumeMounts:
    - {name: scratch, mountPath: /scratch}
    - {name: shm, mountPath: /dev/shm}
    {{- include "rlmr.modelMount" . | nindent 4 }}
    {{- with $engine.volumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* The call gives up two seconds before the probe does, so that its own message is seen. */}}
{{- define "rlmr.engineAlive" -}}
{{- list "python3" "-c" (printf "import urllib.request; urllib.request.urlopen('http://127.0.0.1:%v%s', timeout=%v)" .port .path (max 1 (sub (int .seconds) 2))) | toJson }}
{{- end }}

{{/* What an engine in the component's pods does, or empty: reward, judge. */}}
{{- define "rlmr.engineKind" -}}
{{- if and (eq .kind "writing-rm") (ne .values.engine.type "torch") }}reward
{{- else if eq .kind "judge" }}judge
{{- else if and (eq .kind "verifier") (eq .values.judge.type "engine") }}judge
{{- end }}
{{- end }}
