package main

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
)

// The typed objects as an operator of this kind has them: the fields that these services use, and the whole status.

type InferenceService struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              InferenceServiceSpec   `json:"spec"`
	Status            InferenceServiceStatus `json:"status,omitempty"`
}

type InferenceServiceSpec struct {
	Runtime   string                      `json:"runtime,omitempty"`
	Models    []ServedModel               `json:"models,omitempty"`
	Replicas  *int32                      `json:"replicas,omitempty"`
	Image     string                      `json:"image,omitempty"`
	Resources corev1.ResourceRequirements `json:"resources,omitempty"`
}

type ServedModel struct {
	Name    string   `json:"name"`
	Aliases []string `json:"aliases,omitempty"`
}

type InferenceServiceStatus struct {
	Phase              string             `json:"phase,omitempty"`
	ModelReady         bool               `json:"modelReady,omitempty"`
	ModelsAvailable    string             `json:"modelsAvailable,omitempty"`
	AdvertisedModels   []string           `json:"advertisedModels,omitempty"`
	Models             []ModelState       `json:"models,omitempty"`
	Replicas           int32              `json:"replicas,omitempty"`
	ReadyReplicas      int32              `json:"readyReplicas,omitempty"`
	DesiredReplicas    int32              `json:"desiredReplicas,omitempty"`
	Endpoint           string             `json:"endpoint,omitempty"`
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type ModelState struct {
	Name      string `json:"name"`
	State     string `json:"state,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Message   string `json:"message,omitempty"`
	SizeBytes int64  `json:"sizeBytes,omitempty"`
	BytesDone int64  `json:"bytesDone,omitempty"`
	SHA256    string `json:"sha256,omitempty"`
	Loaded    bool   `json:"loaded"`
}

type InferenceServiceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []InferenceService `json:"items"`
}

type Model struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              ModelSpec   `json:"spec"`
	Status            ModelStatus `json:"status,omitempty"`
}

type ModelSpec struct {
	Source string   `json:"source"`
	SHA256 string   `json:"sha256,omitempty"`
	Files  []string `json:"files,omitempty"`
}

type ModelStatus struct {
	Phase              string             `json:"phase,omitempty"`
	Size               string             `json:"size,omitempty"`
	Path               string             `json:"path,omitempty"`
	CacheKey           string             `json:"cacheKey,omitempty"`
	SHA256             string             `json:"sha256,omitempty"`
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type ModelList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Model `json:"items"`
}

// What controller-gen would write.

func (in *InferenceService) DeepCopy() *InferenceService {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.Models = append([]ServedModel(nil), in.Spec.Models...)
	in.Spec.Resources.DeepCopyInto(&out.Spec.Resources)
	out.Status.AdvertisedModels = append([]string(nil), in.Status.AdvertisedModels...)
	out.Status.Models = append([]ModelState(nil), in.Status.Models...)
	out.Status.Conditions = append([]metav1.Condition(nil), in.Status.Conditions...)
	return &out
}

func (in *InferenceService) DeepCopyObject() runtime.Object { return in.DeepCopy() }

func (in *InferenceServiceList) DeepCopyObject() runtime.Object {
	out := *in
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	out.Items = make([]InferenceService, len(in.Items))
	for i := range in.Items {
		out.Items[i] = *in.Items[i].DeepCopy()
	}
	return &out
}

func (in *Model) DeepCopy() *Model {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.Files = append([]string(nil), in.Spec.Files...)
	out.Status.Conditions = append([]metav1.Condition(nil), in.Status.Conditions...)
	return &out
}

func (in *Model) DeepCopyObject() runtime.Object { return in.DeepCopy() }

func (in *ModelList) DeepCopyObject() runtime.Object {
	out := *in
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	out.Items = make([]Model, len(in.Items))
	for i := range in.Items {
		out.Items[i] = *in.Items[i].DeepCopy()
	}
	return &out
}

var groupVersion = schema.GroupVersion{Group: "inference.llmkube.dev", Version: "v1alpha1"}

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	_ = clientgoscheme.AddToScheme(scheme)
	scheme.AddKnownTypes(groupVersion, &InferenceService{}, &InferenceServiceList{}, &Model{}, &ModelList{})
	metav1.AddToGroupVersion(scheme, groupVersion)
	return scheme
}
