{{/* How pods are replaced. A new pod has to be ready before an old one goes, unless each pod holds a GPU, for which a spare one may
     not exist: then one goes first where others are left to answer, or where there is only one GPU's worth of pods at a fixed count
     (that upgrade is an outage; waiting for a second GPU would be an upgrade that never ends). What is certain to be there is
     minReplicas under autoscaling, replicas else. Argument: a component. */}}
{{- define "rlmr.strategy" -}}
{{- if .values.strategy }}{{ toYaml .values.strategy }}
{{- else }}
{{- $fixed := eq .values.autoscaling.type "none" }}
{{- $floor := int (ternary .values.replicas .values.autoscaling.minReplicas $fixed) -}}
type: RollingUpdate
{{- if not (include "rlmr.engineKind" .) }}
rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
{{- else if gt $floor 1 }}
rollingUpdate: {maxSurge: 1, maxUnavailable: 1}
{{- else if $fixed }}
rollingUpdate: {maxSurge: 0, maxUnavailable: 1}
{{- else }}
rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
{{- end }}
{{- end }}
{{- end }}
