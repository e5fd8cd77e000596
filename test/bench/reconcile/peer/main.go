// The peer: a controller as a Go engineer would write it on controller-runtime. It makes the same children of the same
// services and tells the same status, events and samples included, and leaves out what else ours does: rules, conflicts,
// diagnosis, knocking at Services, GPUs, autoscalers, single-model services, what is no longer wanted.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"os"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apilabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func selector(text string) cache.ByObject {
	parsed, err := apilabels.Parse(text)
	if err != nil {
		log.Fatal(err)
	}
	return cache.ByObject{Label: parsed}
}

func request(namespace, name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}

func main() {
	metrics := flag.String("metrics", "127.0.0.1:18081", "HOST:PORT")
	image := flag.String("image", "bench", "")
	namespace := flag.String("namespace", "own", "of the Lease")
	workers := flag.Int("workers", 4, "objects of each kind worked on at once")
	sampleEvery := flag.Duration("sample-every", 10*time.Second, "a ready service's agents")
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.WriteTo(os.Stderr)))

	manager, err := ctrl.NewManager(ctrl.GetConfigOrDie(), ctrl.Options{
		Scheme: newScheme(), Metrics: server.Options{BindAddress: *metrics},
		LeaderElection: true, LeaderElectionID: "peer", LeaderElectionNamespace: *namespace,
		Cache: cache.Options{DefaultTransform: cache.TransformStripManagedFields(), ByObject: map[client.Object]cache.ByObject{
			&appsv1.Deployment{}: selector(serviceLabel), &corev1.Service{}: selector(serviceLabel), &corev1.ConfigMap{}: selector(serviceLabel),
			&batchv1.Job{}: selector(componentLabel + "=model-fetch"), &corev1.PersistentVolumeClaim{}: selector(componentLabel + "=model-cache"),
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := ctrl.SetupSignalHandler()
	index := func(object client.Object, field string, values client.IndexerFunc) {
		if err := manager.GetFieldIndexer().IndexField(ctx, object, field, values); err != nil {
			log.Fatal(err)
		}
	}
	label := func(name string) client.IndexerFunc {
		return func(object client.Object) []string {
			if value := object.GetLabels()[name]; value != "" {
				return []string{value}
			}
			return nil
		}
	}
	index(&corev1.Pod{}, "service", label(serviceLabel))
	index(&corev1.Pod{}, "job", label("batch.kubernetes.io/job-name"))
	index(&batchv1.Job{}, "model", label(modelLabel))
	index(&InferenceService{}, "models", func(object client.Object) []string {
		var names []string
		for _, model := range object.(*InferenceService).Spec.Models {
			names = append(names, model.Name)
		}
		return names
	})
	servicesOf := func(ctx context.Context, namespace, model string) []reconcile.Request {
		services := &InferenceServiceList{}
		if err := manager.GetClient().List(ctx, services, client.InNamespace(namespace), client.MatchingFields{"models": model}); err != nil {
			return nil
		}
		var requests []reconcile.Request
		for _, service := range services.Items {
			requests = append(requests, request(namespace, service.Name))
		}
		return requests
	}

	options := controller.Options{MaxConcurrentReconciles: *workers}
	err = ctrl.NewControllerManagedBy(manager).For(&InferenceService{}).WithOptions(options).
		Owns(&appsv1.Deployment{}).Owns(&corev1.Service{}).Owns(&corev1.ConfigMap{}).
		Watches(&Model{}, handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, object client.Object) []reconcile.Request {
			return servicesOf(ctx, object.GetNamespace(), object.GetName())
		})).
		Watches(&batchv1.Job{}, handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, object client.Object) []reconcile.Request {
			return servicesOf(ctx, object.GetNamespace(), object.GetLabels()[modelLabel])
		})).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(func(_ context.Context, object client.Object) []reconcile.Request {
			if name := object.GetLabels()[serviceLabel]; name != "" {
				return []reconcile.Request{request(object.GetNamespace(), name)}
			}
			return nil
		})).
		Complete(&serviceReconciler{Client: manager.GetClient(), recorder: manager.GetEventRecorder("peer"), image: *image,
			sampleEvery: *sampleEvery, http: http.Client{Timeout: 1500 * time.Millisecond}})
	if err != nil {
		log.Fatal(err)
	}
	err = ctrl.NewControllerManagedBy(manager).For(&Model{}).WithOptions(options).Owns(&batchv1.Job{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(func(_ context.Context, object client.Object) []reconcile.Request {
			if name := object.GetLabels()[modelLabel]; name != "" {
				return []reconcile.Request{request(object.GetNamespace(), name)}
			}
			return nil
		})).
		Complete(&modelReconciler{Client: manager.GetClient()})
	if err != nil {
		log.Fatal(err)
	}
	if err := manager.Start(ctx); err != nil {
		log.Fatal(err)
	}
}
