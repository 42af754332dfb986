// strict-decode reads Kubernetes objects on standard input and fails on a field that their type does not have; with --compose
// it loads a Compose file with the loader of Docker Compose.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"

	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)

func typed(kind string) any {
	switch kind {
	case "v1/ConfigMap":
		return &corev1.ConfigMap{}
	case "v1/Secret":
		return &corev1.Secret{}
	case "v1/Service":
		return &corev1.Service{}
	case "v1/ServiceAccount":
		return &corev1.ServiceAccount{}
	case "apps/v1/Deployment":
		return &appsv1.Deployment{}
	case "policy/v1/PodDisruptionBudget":
		return &policyv1.PodDisruptionBudget{}
	case "networking.k8s.io/v1/NetworkPolicy":
		return &networkingv1.NetworkPolicy{}
	case "keda.sh/v1alpha1/ScaledObject":
		return &kedav1alpha1.ScaledObject{}
	case "keda.sh/v1alpha1/TriggerAuthentication":
		return &kedav1alpha1.TriggerAuthentication{}
	case "monitoring.coreos.com/v1/PodMonitor":
		return &monitoringv1.PodMonitor{}
	case "monitoring.coreos.com/v1/PrometheusRule":
		return &monitoringv1.PrometheusRule{}
	}
	return nil
}

func decode(document []byte) (string, error) {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return "", err
	}
	object := typed(head.APIVersion + "/" + head.Kind)
	if object == nil {
		return "", fmt.Errorf("%s/%s is no kind that is known here", head.APIVersion, head.Kind)
	}
	if err := yaml.UnmarshalStrict(document, object); err != nil {
		return "", fmt.Errorf("%s: %w", head.Kind, err)
	}
	return head.Kind, nil
}

func kubernetes(input io.Reader) error {
	text, err := io.ReadAll(input)
	if err != nil {
		return err
	}
	var kinds []string
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		kind, err := decode(document)
		if err != nil {
			return err
		}
		kinds = append(kinds, kind)
	}
	fmt.Println(strings.Join(kinds, ", "))
	return nil
}

func compose(file string) error {
	secrets := []string{"POSTGRES_PASSWORD=x", "RABBITMQ_PASSWORD=x", "JUDGED_WEB_TOKEN=x"}
	options, err := cli.NewProjectOptions([]string{file}, cli.WithEnv(secrets), cli.WithProfiles([]string{"*"}))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	for name, service := range project.Services {
		if service.MemLimit == 0 {
			return fmt.Errorf("%s has no limit of memory", name)
		}
	}
	fmt.Println(strings.Join(project.ServiceNames(), ", "))
	return nil
}

func main() {
	var err error
	switch {
	case len(os.Args) == 1:
		err = kubernetes(os.Stdin)
	case len(os.Args) == 3 && os.Args[1] == "--compose":
		err = compose(os.Args[2])
	default:
		err = errors.New("usage: strict-decode < objects, or strict-decode --compose FILE")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
