// The peer: a webhook as kubebuilder scaffolds it, on controller-runtime, with a few of the rules and the same default.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"log"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

type defaulter struct{}

func (defaulter) Default(_ context.Context, service *InferenceService) error {
	if errors := validate(service); len(errors) > 0 {
		return errors.ToAggregate()
	}
	if service.Spec.Router == nil && strings.HasSuffix(service.Spec.Runtime, "-router") {
		loaded, stop := int32(1), int32(5)
		service.Spec.Router = &RouterSpec{MaxLoadedModels: &loaded, StopTimeoutSeconds: &stop}
	}
	return nil
}

func validate(service *InferenceService) field.ErrorList {
	var errors field.ErrorList
	spec := field.NewPath("spec")
	router := strings.HasSuffix(service.Spec.Runtime, "-router")
	if router && len(service.Spec.Models) == 0 {
		errors = append(errors, field.Required(spec.Child("models"), "a router runtime serves models"))
	}
	if router && service.Spec.ModelRef != "" {
		errors = append(errors, field.Forbidden(spec.Child("modelRef"), "use spec.models"))
	}
	seen := map[string]bool{}
	for i, model := range service.Spec.Models {
		path := spec.Child("models").Index(i)
		for _, problem := range validation.IsDNS1123Subdomain(model.Name) {
			errors = append(errors, field.Invalid(path.Child("name"), model.Name, problem))
		}
		for _, name := range append([]string{model.Name}, model.Aliases...) {
			if seen[name] {
				errors = append(errors, field.Duplicate(path, name))
			}
			seen[name] = true
		}
	}
	return errors
}

func main() {
	port := flag.Int("port", 9443, "")
	certificates := flag.String("cert-dir", "", "")
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	server := webhook.NewServer(webhook.Options{
		Host: "127.0.0.1", Port: *port, CertDir: *certificates,
		TLSOpts: []func(*tls.Config){func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }},
	})
	server.Register("/mutate", admission.WithDefaulter[*InferenceService](newScheme(), defaulter{}))
	if err := server.Start(ctrl.SetupSignalHandler()); err != nil {
		log.Fatal(err)
	}
}
