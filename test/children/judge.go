// judge reads the children of services, one JSON object a line ({"case": ..., "children": [...]}), and says what an API
// server would say of each: as a server-side apply (typed against OpenAPI), decoded strictly, with defaults, and
// validated as for a create. Prints "case<tab>kind<tab>field<tab>what is wrong", a line each; exit status 1 when there is
// any.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/managedfields"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	"k8s.io/kubernetes/pkg/capabilities"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/autoscaling/horizontalpodautoscaler"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/core/configmap"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolumeclaim"
	"k8s.io/kubernetes/pkg/registry/core/service"
)

type kind struct {
	group    string
	resource string
	strategy rest.RESTCreateStrategy
}

var kinds = map[string]kind{
	"ConfigMap":               {"", "configmaps", configmap.Strategy},
	"PersistentVolumeClaim":   {"", "persistentvolumeclaims", persistentvolumeclaim.Strategy},
	"Service":                 {"", "services", service.Strategy},
	"Deployment":              {"apps", "deployments", deployment.Strategy},
	"Job":                     {"batch", "jobs", job.Strategy},
	"HorizontalPodAutoscaler": {"autoscaling", "horizontalpodautoscalers", horizontalpodautoscaler.Strategy},
}

// typeConverter knows the types of the OpenAPI files that Kubernetes' module carries.
func typeConverter(folder string) (managedfields.TypeConverter, error) {
	types := map[string]*spec.Schema{}
	for _, name := range []string{"api__v1", "apis__apps__v1", "apis__batch__v1", "apis__autoscaling__v2"} {
		text, err := os.ReadFile(filepath.Join(folder, name+"_openapi.json"))
		if err != nil {
			return nil, err
		}
		var file spec3.OpenAPI
		if err := json.Unmarshal(text, &file); err != nil {
			return nil, err
		}
		for name, schema := range file.Components.Schemas {
			types[name] = schema
		}
	}
	return managedfields.NewTypeConverter(types, false)
}

func judge(converter managedfields.TypeConverter, strict runtime.Decoder, text []byte) (string, error) {
	object := &unstructured.Unstructured{}
	if err := json.Unmarshal(text, &object.Object); err != nil {
		return "?", err
	}
	name := object.GetKind()
	entry, known := kinds[name]
	if !known {
		return name, fmt.Errorf("judge knows no such kind")
	}
	if _, err := converter.ObjectToTyped(object); err != nil {
		return name, err
	}
	typed, _, err := strict.Decode(text, nil, nil)
	if err != nil {
		return name, err
	}
	info := &genericapirequest.RequestInfo{IsResourceRequest: true, Verb: "create", APIGroup: entry.group,
		APIVersion: object.GroupVersionKind().Version, Resource: entry.resource, Namespace: object.GetNamespace()}
	context := genericapirequest.WithRequestInfo(
		genericapirequest.WithNamespace(context.Background(), object.GetNamespace()), info)
	access := typed.(metav1.Object)
	rest.FillObjectMetaSystemFields(access)
	return name, rest.BeforeCreate(entry.strategy, context, typed)
}

func report(number, kind string, err error) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		fmt.Printf("%s\t%s\t\t%q\n", number, kind, err.Error())
		return
	}
	for _, cause := range status.Status().Details.Causes {
		fmt.Printf("%s\t%s\t%s\t%q\n", number, kind, cause.Field, cause.Message)
	}
}

func main() {
	capabilities.Setup(true, 0) // kube-apiserver --allow-privileged, which every cluster has
	converter, err := typeConverter(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	factory := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)
	strict := factory.UniversalDecoder(schema.GroupVersion{Version: runtime.APIVersionInternal},
		schema.GroupVersion{Group: "apps", Version: runtime.APIVersionInternal},
		schema.GroupVersion{Group: "batch", Version: runtime.APIVersionInternal},
		schema.GroupVersion{Group: "autoscaling", Version: runtime.APIVersionInternal})
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	judged, refused := 0, 0
	for in.Scan() {
		var line struct {
			Case     string
			Children []json.RawMessage
		}
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		for _, child := range line.Children {
			judged++
			if kind, err := judge(converter, strict, child); err != nil {
				refused++
				report(line.Case, kind, err)
			}
		}
	}
	fmt.Fprintf(os.Stderr, "%d children judged, %d refused\n", judged, refused)
	if in.Err() != nil || refused > 0 {
		os.Exit(1)
	}
}
