package main

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// modelReconciler records what fetch Jobs said, and keeps the status of Models.
type modelReconciler struct {
	client.Client
}

func (r *modelReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	model := &Model{}
	if err := r.Get(ctx, request.NamespacedName, model); err != nil || model.DeletionTimestamp != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	jobs := &batchv1.JobList{}
	if err := r.List(ctx, jobs, client.InNamespace(model.Namespace), client.MatchingFields{"model": model.Name}); err != nil {
		return ctrl.Result{}, err
	}
	var found *artifact
	for i := range jobs.Items {
		job := &jobs.Items[i]
		if job.Status.Succeeded == 0 {
			continue
		}
		if job.Annotations[fetched] == "" {
			if err := r.record(ctx, job); err != nil {
				return ctrl.Result{}, err
			}
		}
		if said := readArtifact(job.Annotations[fetched]); said != nil {
			found = said
		}
	}
	before := model.DeepCopy()
	status := &model.Status
	status.Phase, status.ObservedGeneration = "Pending", model.Generation
	status.CacheKey = shortHash(model.Spec.Source)[:16]
	if len(jobs.Items) > 0 {
		status.Phase = "Downloading"
	}
	if found != nil {
		status.Phase, status.Path, status.SHA256 = "Ready", found.Files[0].Path, found.Files[0].SHA256
		status.Size = fmt.Sprintf("%d B", found.Files[0].Size)
	}
	condition := func(kind string, is bool) {
		value := metav1.ConditionFalse
		if is {
			value = metav1.ConditionTrue
		}
		apimeta.SetStatusCondition(&status.Conditions, metav1.Condition{Type: kind, Status: value, Reason: status.Phase,
			Message: status.Phase, ObservedGeneration: model.Generation})
	}
	condition("Available", found != nil)
	condition("Progressing", found == nil)
	condition("Degraded", false)
	if equality.Semantic.DeepEqual(before.Status, model.Status) {
		return ctrl.Result{}, nil
	}
	if err := r.Status().Patch(ctx, model, client.MergeFrom(before)); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	return ctrl.Result{}, nil
}

// record keeps the last word of a Job's Pod: the Pod may go.
func (r *modelReconciler) record(ctx context.Context, job *batchv1.Job) error {
	pods := &corev1.PodList{}
	if err := r.List(ctx, pods, client.InNamespace(job.Namespace), client.MatchingFields{"job": job.Name}); err != nil {
		return err
	}
	for _, pod := range pods.Items {
		for _, container := range pod.Status.ContainerStatuses {
			if container.State.Terminated == nil || readArtifact(container.State.Terminated.Message) == nil {
				continue
			}
			before := job.DeepCopy()
			if job.Annotations == nil {
				job.Annotations = map[string]string{}
			}
			job.Annotations[fetched] = container.State.Terminated.Message
			return client.IgnoreNotFound(r.Patch(ctx, job, client.MergeFrom(before)))
		}
	}
	return nil
}
