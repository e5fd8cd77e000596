package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

const (
	serviceLabel   = "inference.llmkube.dev/service"
	modelLabel     = "inference.llmkube.dev/model"
	componentLabel = "app.kubernetes.io/component"
	fetched        = "inference.llmkube.dev/fetched"
	presetHash     = "inference.llmkube.dev/preset-hash"
	desiredHash    = "inference.llmkube.dev/desired-hash"
	claimName      = "llmkube-model-cache"
)

// artifact is what a fetch Job says last.
type artifact struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Files   []struct {
		Path   string `json:"path"`
		Size   int64  `json:"size"`
		SHA256 string `json:"sha256"`
	} `json:"files"`
}

func readArtifact(text string) *artifact {
	var result artifact
	if json.Unmarshal([]byte(text), &result) != nil || len(result.Files) == 0 {
		return nil
	}
	return &result
}

func shortHash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:])
}

func jobName(model *Model, claim *corev1.PersistentVolumeClaim) string {
	parts := append([]string{string(model.UID), string(claim.UID), model.Spec.Source, model.Spec.SHA256}, model.Spec.Files...)
	return model.Name + "-fetch-" + shortHash(parts...)[:8]
}

func labels(service *InferenceService) map[string]string {
	return map[string]string{"app": service.Name, serviceLabel: service.Name}
}

func meta(service *InferenceService, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: service.Namespace, Labels: labels(service), OwnerReferences: []metav1.OwnerReference{{
		APIVersion: groupVersion.String(), Kind: "InferenceService", Name: service.Name, UID: service.UID,
		Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(false)}}}
}

func restrictedPod() *corev1.PodSecurityContext {
	return &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To(int64(65532)), RunAsGroup: ptr.To(int64(65532)),
		FSGroup: ptr.To(int64(102)), FSGroupChangePolicy: ptr.To(corev1.FSGroupChangeOnRootMismatch),
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}
}

func restrictedContainer() *corev1.SecurityContext {
	return &corev1.SecurityContext{AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}
}

func desiredClaim(namespace string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: claimName, Namespace: namespace, Labels: map[string]string{componentLabel: "model-cache"}},
		Spec: corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("100Gi")}}}}
}

func cacheVolume() corev1.Volume {
	return corev1.Volume{Name: "model-cache", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claimName}}}
}

func desiredJob(model *Model, claim *corev1.PersistentVolumeClaim, image string) *batchv1.Job {
	labels := map[string]string{modelLabel: model.Name, componentLabel: "model-fetch"}
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: jobName(model, claim), Namespace: model.Namespace, Labels: labels,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: groupVersion.String(), Kind: "Model", Name: model.Name, UID: model.UID,
				Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(false)}}},
		Spec: batchv1.JobSpec{BackoffLimit: ptr.To(int32(3)),
			PodFailurePolicy: &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{Action: batchv1.PodFailurePolicyActionFailJob,
				OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{ContainerName: ptr.To("model-fetch"),
					Operator: batchv1.PodFailurePolicyOnExitCodesOpIn, Values: []int32{2}}}}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
				RestartPolicy: corev1.RestartPolicyNever, AutomountServiceAccountToken: ptr.To(false), EnableServiceLinks: ptr.To(false),
				SecurityContext: restrictedPod(), Volumes: []corev1.Volume{cacheVolume()},
				Containers: []corev1.Container{{Name: "model-fetch", Image: image, Command: []string{"/usr/bin/model-fetch"},
					Args: []string{"--source", model.Spec.Source, "--to", "/models", "--name", model.Name, "--refresh", "IfNotPresent",
						"--termination-log", "/dev/termination-log", "--listen", ":8081"},
					Ports: []corev1.ContainerPort{{Name: "progress", ContainerPort: 8081}},
					Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
						corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("64Mi")}},
					SecurityContext: restrictedContainer(), VolumeMounts: []corev1.VolumeMount{{Name: "model-cache", MountPath: "/models"}}}}}}}}
}

func preset(service *InferenceService, artifacts map[string]*artifact) string {
	var text strings.Builder
	for _, model := range service.Spec.Models {
		if found := artifacts[model.Name]; found != nil {
			fmt.Fprintf(&text, "[%s]\nmodel = %s\nstop-timeout = 5\nlog-file = /cache/log/%s.log\n\n", model.Name, found.Files[0].Path, model.Name)
		}
	}
	return text.String()
}

func desiredConfigMap(service *InferenceService, preset string) *corev1.ConfigMap {
	return &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: meta(service, service.Name+"-models"),
		Data: map[string]string{"models.ini": preset, "agent.json": `{"preload":["` + service.Spec.Models[0].Name + `"]}`}}
}

func desiredNetworkService(service *InferenceService) *corev1.Service {
	return &corev1.Service{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: meta(service, service.Name),
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Selector: labels(service),
			Ports: []corev1.ServicePort{{Name: "http", Port: 8080, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromString("http")}}}}
}

func probe(path string, port intstr.IntOrString, period, failures int32) *corev1.Probe {
	return &corev1.Probe{PeriodSeconds: period, FailureThreshold: failures, TimeoutSeconds: 5,
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: port}}}
}

func desiredDeployment(service *InferenceService, image string) *appsv1.Deployment {
	runtimeImage := service.Spec.Image
	if runtimeImage == "" {
		runtimeImage = image
	}
	config := corev1.VolumeMount{Name: "preset", MountPath: "/etc/llmkube", ReadOnly: true}
	scratch := corev1.VolumeMount{Name: "cache", MountPath: "/cache"}
	agent := intstr.FromInt32(8081)
	return &appsv1.Deployment{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: meta(service, service.Name),
		Spec: appsv1.DeploymentSpec{Replicas: ptr.To(ptr.Deref(service.Spec.Replicas, 1)), Selector: &metav1.LabelSelector{MatchLabels: labels(service)},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels(service)}, Spec: corev1.PodSpec{
				AutomountServiceAccountToken: ptr.To(false), EnableServiceLinks: ptr.To(false), SecurityContext: restrictedPod(),
				TerminationGracePeriodSeconds: ptr.To(int64(60)),
				InitContainers: []corev1.Container{{Name: "router-agent", Image: image, Command: []string{"/usr/bin/router-agent"},
					Args: []string{"--server", "http://127.0.0.1:8080", "--config", "/etc/llmkube/agent.json", "--preset", "/etc/llmkube/models.ini",
						"--listen", ":8081", "--max-loaded", "1", "--child-logs", "/cache/log"},
					RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways), SecurityContext: restrictedContainer(),
					Ports:        []corev1.ContainerPort{{Name: "agent", ContainerPort: 8081}},
					StartupProbe: probe("/healthz", agent, 1, 60),
					Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
						Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("32Mi")}},
					VolumeMounts: []corev1.VolumeMount{config, scratch}}},
				Containers: []corev1.Container{{Name: "llama-server", Image: runtimeImage,
					Args: []string{"--models-preset", "/etc/llmkube/models.ini", "--models-max", "1", "--host", "0.0.0.0", "--port", "8080", "--metrics"},
					Env:  []corev1.EnvVar{{Name: "LLAMA_CACHE", Value: "/cache"}}, Resources: service.Spec.Resources,
					Ports:        []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
					StartupProbe: probe("/health", intstr.FromString("http"), 1, 300), LivenessProbe: probe("/health", intstr.FromString("http"), 15, 3),
					ReadinessProbe: probe("/readyz", agent, 2, 2), SecurityContext: restrictedContainer(),
					Lifecycle:    &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/drain", Port: agent}}},
					VolumeMounts: []corev1.VolumeMount{{Name: "model-cache", MountPath: "/models", ReadOnly: true}, scratch, config}}},
				Volumes: []corev1.Volume{cacheVolume(), {Name: "cache", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
					{Name: "preset", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
						LocalObjectReference: corev1.LocalObjectReference{Name: service.Name + "-models"}}}}}}}}}
}
