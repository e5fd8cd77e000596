package main

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The typed object as an operator of this kind has it: the fields that services use.

type InferenceService struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              InferenceServiceSpec   `json:"spec"`
	Status            InferenceServiceStatus `json:"status,omitempty"`
}

type InferenceServiceSpec struct {
	Runtime          string                        `json:"runtime,omitempty"`
	ModelRef         string                        `json:"modelRef,omitempty"`
	Models           []ServedModel                 `json:"models,omitempty"`
	Router           *RouterSpec                   `json:"router,omitempty"`
	Replicas         *int32                        `json:"replicas,omitempty"`
	Image            string                        `json:"image,omitempty"`
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`
	Resources        *Resources                    `json:"resources,omitempty"`
	ContextSize      *int32                        `json:"contextSize,omitempty"`
	ParallelSlots    *int32                        `json:"parallelSlots,omitempty"`
	FlashAttention   *bool                         `json:"flashAttention,omitempty"`
	ExtraArgs        []string                      `json:"extraArgs,omitempty"`
	Env              []corev1.EnvVar               `json:"env,omitempty"`
	NodeSelector     map[string]string             `json:"nodeSelector,omitempty"`
	Tolerations      []corev1.Toleration           `json:"tolerations,omitempty"`
	Affinity         *corev1.Affinity              `json:"affinity,omitempty"`
	SecurityContext  *corev1.SecurityContext       `json:"securityContext,omitempty"`
	ExtraVolumes     []corev1.Volume               `json:"extraVolumes,omitempty"`
}

type ServedModel struct {
	Name           string   `json:"name"`
	Aliases        []string `json:"aliases,omitempty"`
	ContextSize    *int32   `json:"contextSize,omitempty"`
	ParallelSlots  *int32   `json:"parallelSlots,omitempty"`
	FlashAttention *bool    `json:"flashAttention,omitempty"`
	CacheTypeK     string   `json:"cacheTypeK,omitempty"`
	CacheTypeV     string   `json:"cacheTypeV,omitempty"`
	BatchSize      *int32   `json:"batchSize,omitempty"`
	UBatchSize     *int32   `json:"uBatchSize,omitempty"`
	GPULayers      *int32   `json:"gpuLayers,omitempty"`
	ExtraArgs      []string `json:"extraArgs,omitempty"`
}

type RouterSpec struct {
	MaxLoadedModels    *int32   `json:"maxLoadedModels,omitempty"`
	Preload            []string `json:"preload,omitempty"`
	IdleUnloadSeconds  *int32   `json:"idleUnloadSeconds,omitempty"`
	StopTimeoutSeconds *int32   `json:"stopTimeoutSeconds,omitempty"`
}

type Resources struct {
	corev1.ResourceRequirements `json:",inline"`
	GPU                         *int32 `json:"gpu,omitempty"`
	CPU                         string `json:"cpu,omitempty"`
	Memory                      string `json:"memory,omitempty"`
}

type InferenceServiceStatus struct {
	Phase      string             `json:"phase,omitempty"`
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// A plain copy is all that the decoder and the webhook ask for.
func (in *InferenceService) DeepCopyObject() runtime.Object {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	return &out
}

var groupVersion = schema.GroupVersion{Group: "inference.llmkube.dev", Version: "v1alpha1"}

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	scheme.AddKnownTypes(groupVersion, &InferenceService{})
	metav1.AddToGroupVersion(scheme, groupVersion)
	return scheme
}
