package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

type serviceReconciler struct {
	client.Client
	recorder    events.EventRecorder
	image       string
	sampleEvery time.Duration
	http        http.Client
}

// agentState is what the agent in a Pod says.
type agentState struct {
	PresetHash string `json:"presetHash"`
	Models     []struct {
		Name  string `json:"name"`
		State string `json:"state"`
	} `json:"models"`
}

func (r *serviceReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	service := &InferenceService{}
	if err := r.Get(ctx, request.NamespacedName, service); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if service.DeletionTimestamp != nil || len(service.Spec.Models) == 0 {
		return ctrl.Result{}, nil
	}
	before := service.DeepCopy()

	claim := &corev1.PersistentVolumeClaim{}
	if err := r.Get(ctx, client.ObjectKey{Namespace: service.Namespace, Name: claimName}, claim); apierrors.IsNotFound(err) {
		claim = desiredClaim(service.Namespace)
		if err := r.Create(ctx, claim); err != nil && !apierrors.IsAlreadyExists(err) {
			return ctrl.Result{}, err
		}
		if claim.UID == "" { // another worker was faster
			return ctrl.Result{RequeueAfter: 100 * time.Millisecond}, nil
		}
	} else if err != nil {
		return ctrl.Result{}, err
	}

	artifacts, err := r.fetchModels(ctx, service, claim)
	if err != nil {
		return ctrl.Result{}, err
	}
	ini := preset(service, artifacts)
	if err := r.apply(ctx, &corev1.Service{}, desiredNetworkService(service)); err != nil {
		return ctrl.Result{}, err
	}
	if len(artifacts) > 0 {
		if err := r.apply(ctx, &corev1.ConfigMap{}, desiredConfigMap(service, ini)); err != nil {
			return ctrl.Result{}, err
		}
		if err := r.apply(ctx, &appsv1.Deployment{}, desiredDeployment(service, r.image)); err != nil {
			return ctrl.Result{}, err
		}
	}
	if err := r.setStatus(ctx, service, artifacts, ini); err != nil {
		return ctrl.Result{}, err
	}
	if !equality.Semantic.DeepEqual(before.Status, service.Status) {
		if err := r.Status().Patch(ctx, service, client.MergeFrom(before)); err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
		r.tell(before, service)
	}
	if service.Status.Phase == "Ready" {
		return ctrl.Result{RequeueAfter: r.sampleEvery}, nil
	}
	return ctrl.Result{RequeueAfter: 2 * time.Second}, nil
}

// fetchModels makes the Jobs that are missing and gives what those that are complete have fetched, by Model.
func (r *serviceReconciler) fetchModels(ctx context.Context, service *InferenceService, claim *corev1.PersistentVolumeClaim) (map[string]*artifact, error) {
	artifacts := map[string]*artifact{}
	service.Status.Models = nil
	for _, entry := range service.Spec.Models {
		state := ModelState{Name: entry.Name, State: "Pending", Reason: "ModelNotFound", Message: "Model " + entry.Name + " not found"}
		model := &Model{}
		err := r.Get(ctx, client.ObjectKey{Namespace: service.Namespace, Name: entry.Name}, model)
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, err
		}
		if err == nil {
			job := &batchv1.Job{}
			err := r.Get(ctx, client.ObjectKey{Namespace: service.Namespace, Name: jobName(model, claim)}, job)
			if apierrors.IsNotFound(err) {
				job = desiredJob(model, claim, r.image)
				if err := r.Create(ctx, job); err != nil && !apierrors.IsAlreadyExists(err) {
					return nil, err
				}
			} else if err != nil {
				return nil, err
			}
			state.State, state.Reason, state.Message = "Downloading", "Downloading", "Job "+job.Name+" is at work"
			if job.Status.Succeeded > 0 {
				if found := readArtifact(job.Annotations[fetched]); found != nil {
					artifacts[entry.Name] = found
					state = ModelState{Name: entry.Name, State: "Available", Reason: found.Reason, Message: found.Message,
						SizeBytes: found.Files[0].Size, BytesDone: found.Files[0].Size, SHA256: found.Files[0].SHA256}
				}
			}
		}
		service.Status.Models = append(service.Status.Models, state)
	}
	return artifacts, nil
}

// apply makes a child what it should be, unless it was given just that before.
func (r *serviceReconciler) apply(ctx context.Context, live, desired client.Object) error {
	body, err := json.Marshal(desired)
	if err != nil {
		return err
	}
	hash := shortHash(string(body))[:16]
	err = r.Get(ctx, client.ObjectKeyFromObject(desired), live)
	if err == nil && live.GetAnnotations()[desiredHash] == hash {
		return nil
	}
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	desired.SetAnnotations(map[string]string{desiredHash: hash})
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(desired)
	if err != nil {
		return err
	}
	delete(object, "status")
	return r.Apply(ctx, client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: object}),
		client.FieldOwner("peer"), client.ForceOwnership)
}

func (r *serviceReconciler) setStatus(ctx context.Context, service *InferenceService, artifacts map[string]*artifact, ini string) error {
	status := &service.Status
	deployment := &appsv1.Deployment{}
	if err := r.Get(ctx, client.ObjectKeyFromObject(service), deployment); client.IgnoreNotFound(err) != nil {
		return err
	}
	listed := map[string]bool{}
	if deployment.Status.ReadyReplicas > 0 {
		pods := &corev1.PodList{}
		if err := r.List(ctx, pods, client.InNamespace(service.Namespace), client.MatchingFields{"service": service.Name}); err != nil {
			return err
		}
		for i := range pods.Items {
			if err := r.readAgent(ctx, service, &pods.Items[i], shortHash(ini)[:16], listed); err != nil {
				return err
			}
		}
	}
	status.AdvertisedModels = nil
	for _, model := range service.Spec.Models {
		if artifacts[model.Name] != nil && listed[model.Name] {
			status.AdvertisedModels = append(status.AdvertisedModels, model.Name)
		}
	}
	all := len(artifacts) == len(service.Spec.Models)
	ready := all && len(status.AdvertisedModels) == len(service.Spec.Models)
	status.ModelReady = all
	status.ModelsAvailable = fmt.Sprintf("%d/%d", len(artifacts), len(service.Spec.Models))
	status.Replicas, status.ReadyReplicas, status.DesiredReplicas = deployment.Status.Replicas, deployment.Status.ReadyReplicas, 1
	status.Endpoint = "http://" + service.Name + "." + service.Namespace + ".svc.cluster.local:8080/v1/chat/completions"
	status.ObservedGeneration = service.Generation
	switch {
	case ready:
		status.Phase = "Ready"
	case status.ReadyReplicas > 0:
		status.Phase = "Progressing"
	default:
		status.Phase = "Creating"
	}
	condition := func(kind string, is bool, yes, no, message string) {
		value, reason := metav1.ConditionFalse, no
		if is {
			value, reason = metav1.ConditionTrue, yes
		}
		apimeta.SetStatusCondition(&status.Conditions, metav1.Condition{Type: kind, Status: value, Reason: reason, Message: message,
			ObservedGeneration: service.Generation})
	}
	condition("Ready", ready, "Ready", "Progressing", status.ModelsAvailable+" models")
	condition("ModelsAvailable", all, "AllAvailable", "ModelsPending", status.ModelsAvailable)
	condition("Progressing", !ready, "Progressing", "Ready", status.ModelsAvailable+" models")
	condition("Available", status.ReadyReplicas > 0, "InferenceReady", "NoReadyReplicas", fmt.Sprintf("%d Pods ready", status.ReadyReplicas))
	return nil
}

// readAgent adds what the agent in a Pod lists; a Pod whose agent has not seen the preset is told so by an annotation.
func (r *serviceReconciler) readAgent(ctx context.Context, service *InferenceService, pod *corev1.Pod, hash string, listed map[string]bool) error {
	if pod.Status.PodIP == "" || pod.DeletionTimestamp != nil {
		return nil
	}
	response, err := r.http.Get("http://" + pod.Status.PodIP + ":8081/state")
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	var state agentState
	if json.NewDecoder(response.Body).Decode(&state) != nil {
		return nil
	}
	for _, model := range state.Models {
		listed[model.Name] = true
		for i := range service.Status.Models {
			if service.Status.Models[i].Name == model.Name {
				service.Status.Models[i].Loaded = model.State == "loaded"
			}
		}
	}
	if state.PresetHash == hash || pod.Annotations[presetHash] == hash {
		return nil
	}
	before := pod.DeepCopy()
	apimeta.NewAccessor().SetAnnotations(pod, map[string]string{presetHash: hash})
	return client.IgnoreNotFound(r.Patch(ctx, pod, client.MergeFrom(before)))
}

func (r *serviceReconciler) tell(before, now *InferenceService) {
	states := map[string]string{}
	for _, model := range before.Status.Models {
		states[model.Name] = model.State
	}
	reasons := map[string]bool{}
	for _, model := range now.Status.Models {
		if states[model.Name] != model.State && model.State != "Pending" {
			reasons["Model"+model.State] = true
		}
	}
	for reason := range reasons { // one event for all models that came into one state together
		r.recorder.Eventf(now, nil, corev1.EventTypeNormal, reason, "Reconcile", now.Status.ModelsAvailable)
	}
	if before.Status.Phase != "Ready" && now.Status.Phase == "Ready" {
		r.recorder.Eventf(now, nil, corev1.EventTypeNormal, "Ready", "Reconcile", now.Status.ModelsAvailable)
	}
}
