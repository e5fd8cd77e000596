{{/* Base name of all objects, at most 40 characters so that suffixes fit in 63. */}}
{{- define "router.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | replace "." "-" | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* Labels of a component: (dict "context" $ "component" "webhook"). */}}
{{- define "router.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .context.Chart.Name .context.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "router.selectorLabels" . }}
app.kubernetes.io/version: {{ .context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .context.Release.Service }}
app.kubernetes.io/part-of: llmkube-router
{{- end }}

{{- define "router.selectorLabels" -}}
app.kubernetes.io/name: {{ default .context.Chart.Name .context.Values.nameOverride | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/instance: {{ .context.Release.Name | quote }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* An image reference with its registry replaced: (dict "registry" R "image" REF). A first part with a dot or a colon,
     or "localhost", is a registry; without one the registry is put in front. */}}
{{- define "router.withRegistry" -}}
{{- $parts := splitList "/" .image -}}
{{- $first := first $parts -}}
{{- if not .registry -}}{{ .image }}
{{- else if and (gt (len $parts) 1) (or (contains "." $first) (contains ":" $first) (eq "localhost" $first)) -}}
{{ printf "%s/%s" (trimSuffix "/" .registry) (rest $parts | join "/") }}
{{- else -}}
{{ printf "%s/%s" (trimSuffix "/" .registry) .image }}
{{- end -}}
{{- end }}

{{/* The project's own image. */}}
{{- define "router.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- $version := empty .Values.image.digest | ternary (printf ":%s" $tag) (printf "@%s" .Values.image.digest) -}}
{{- $registry := default .Values.image.registry .Values.imageRegistry -}}
{{- include "router.withRegistry" (dict "registry" $registry "image" (printf "%s%s" .Values.image.repository $version)) -}}
{{- end }}

{{/* llama-server's images, as arguments of the reconciler, which runs them, and of the webhook, which judges flags by them. */}}
{{- define "router.runtimeImages" -}}
{{- range $accelerator, $image := .Values.runtimeImages }}
- --runtime-image={{ $accelerator }}={{ include "router.withRegistry" (dict "registry" $.Values.imageRegistry "image" $image) }}
{{- end }}
{{- end }}

{{/* The runtimes that are ours, as a YAML list. */}}
{{- define "router.runtimes" -}}
{{- ternary (list "llamacpp-router") .Values.runtimes .Values.besideLLMKube.enabled | toYaml -}}
{{- end }}

{{/* Name of the Secret that holds the webhook's certificate. */}}
{{- define "router.secretName" -}}
{{- if eq .Values.certificates.mode "secret" -}}
{{ required "certificates.secret.name is required with certificates.mode=secret" .Values.certificates.secret.name }}
{{- else -}}
{{- /* Two names: a Secret that cert-manager made is not Helm's, and could not become Helm's. */ -}}
{{ include "router.fullname" . }}-webhook-{{ ternary "tls" "cert-manager" (eq .Values.certificates.mode "self") }}
{{- end -}}
{{- end }}

{{/* What every Pod here has: the restricted Pod Security Standard. */}}
{{- define "router.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "router.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where the Pods of a component go: (dict "context" $ "component" "webhook" "values" .Values.webhook). */}}
{{- define "router.placement" -}}
{{- with .context.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if gt (int .values.replicas) 1 }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "router.selectorLabels" . | nindent 8 }}
{{- end }}
{{- end }}

{{/* What both webhook configurations say about the server: (dict "context" $ "path" "/validate"). */}}
{{- define "router.clientConfig" -}}
service:
  name: {{ include "router.fullname" .context }}-webhook
  namespace: {{ .context.Release.Namespace | quote }}
  path: {{ .path }}
  port: 443
{{- if eq .context.Values.certificates.mode "secret" }}
caBundle: {{ required "certificates.secret.caBundle is required with certificates.mode=secret" .context.Values.certificates.secret.caBundle | b64enc }}
{{- end }}
{{- end }}

{{/* What both webhook configurations judge. */}}
{{- define "router.webhookScope" -}}
sideEffects: None
admissionReviewVersions: [v1]
matchPolicy: Equivalent
timeoutSeconds: {{ .Values.webhook.timeoutSeconds }}
rules:
  - apiGroups: [inference.llmkube.dev]
    apiVersions: [v1alpha1]
    operations: [CREATE, UPDATE]
    resources: [inferenceservices, models]
    scope: Namespaced
namespaceSelector:
  matchExpressions:
    - key: kubernetes.io/metadata.name
      operator: NotIn
      values: {{- append (default list .Values.webhook.excludedNamespaces) .Release.Namespace | uniq | sortAlpha | toYaml | nindent 8 }}
    {{- with .Values.watchNamespaces }}
    - key: kubernetes.io/metadata.name
      operator: In
      values: {{- toYaml . | nindent 8 }}
    {{- end }}
matchConditions:
  # An update that leaves the spec as it was (labels, finalizers, deletion) is always allowed, and needs no webhook.
  - name: spec-changed
    expression: >-
      request.operation != 'UPDATE' || !has(object.spec) || !has(oldObject.spec) || object.spec != oldObject.spec
{{- end }}

{{- define "router.webhookAnnotations" -}}
{{- if eq .Values.certificates.mode "certManager" }}
  annotations:
    cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ include "router.fullname" . }}-webhook
{{- end }}
{{- end }}
