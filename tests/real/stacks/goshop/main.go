// A shop; what a release changes is chosen by VERSION.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		read, err := os.ReadFile("VERSION")
		if err != nil {
			return err
		}
		release, err := strconv.Atoi(strings.TrimSpace(string(read)))
		if err != nil {
			return err
		}
		cluster, err := kubernetes.NewProvider(ctx, "cluster", &kubernetes.ProviderArgs{
			Kubeconfig: config.RequireSecret(ctx, "kubeconfig"),
		}, pulumi.Version("4.25.0"))
		if err != nil {
			return err
		}
		in := pulumi.Provider(cluster)
		namespace, err := corev1.NewNamespace(ctx, "shop", nil, in)
		if err != nil {
			return err
		}
		metadata := metav1.ObjectMetaArgs{Namespace: namespace.Metadata.Name()}
		settings, err := corev1.NewConfigMap(ctx, "settings", &corev1.ConfigMapArgs{
			Metadata: metadata,
			Data:     pulumi.StringMap{"release": pulumi.Sprintf("%d", release)},
		}, in)
		if err != nil {
			return err
		}
		access, err := corev1.NewSecret(ctx, "access", &corev1.SecretArgs{
			Metadata:   metadata,
			StringData: pulumi.StringMap{"token": pulumi.Sprintf("%s-%d", config.RequireSecret(ctx, "token"), release)},
		}, in)
		if err != nil {
			return err
		}
		if err := app(ctx, "web", release, metadata, settings, access, in); err != nil {
			return err
		}
		if release > 1 {
			if err := app(ctx, "worker", release, metadata, settings, access, in); err != nil {
				return err
			}
		}
		ctx.Export("namespace", namespace.Metadata.Name())
		ctx.Export("settings", settings.Metadata.Name())
		return nil
	})
}

// app is a deployment and its service; release 4 asks for a port that no API server gives.
func app(ctx *pulumi.Context, name string, release int, metadata metav1.ObjectMetaArgs, settings *corev1.ConfigMap,
	access *corev1.Secret, in pulumi.ResourceOption) error {
	labels := pulumi.StringMap{"app": pulumi.String(name)}
	image := fmt.Sprintf("shop/%s:%d", name, release)
	if _, err := appsv1.NewDeployment(ctx, name, &appsv1.DeploymentArgs{
		Metadata: metadata,
		Spec: appsv1.DeploymentSpecArgs{
			Replicas: pulumi.Int(release),
			Selector: metav1.LabelSelectorArgs{MatchLabels: labels},
			Template: corev1.PodTemplateSpecArgs{
				Metadata: metav1.ObjectMetaArgs{Labels: labels},
				Spec: corev1.PodSpecArgs{Containers: corev1.ContainerArray{corev1.ContainerArgs{
					Name:  pulumi.String("main"),
					Image: pulumi.String(image),
					EnvFrom: corev1.EnvFromSourceArray{
						corev1.EnvFromSourceArgs{ConfigMapRef: corev1.ConfigMapEnvSourceArgs{Name: settings.Metadata.Name()}},
						corev1.EnvFromSourceArgs{SecretRef: corev1.SecretEnvSourceArgs{Name: access.Metadata.Name()}},
					},
				}}},
			},
		},
	}, in); err != nil {
		return err
	}
	port := corev1.ServicePortArgs{Port: pulumi.Int(80 + release)}
	if release == 4 && name == "worker" {
		// What it depends on is made by this release, so no preview can ask the API server.
		marker, err := corev1.NewConfigMap(ctx, "marker", &corev1.ConfigMapArgs{Metadata: metadata}, in)
		if err != nil {
			return err
		}
		metadata.Annotations = pulumi.StringMap{"shop/marker": marker.Metadata.Name().Elem()}
		port.NodePort = pulumi.Int(99)
	}
	_, err := corev1.NewService(ctx, name+"-entry", &corev1.ServiceArgs{
		Metadata: metadata,
		Spec: corev1.ServiceSpecArgs{
			Type:     pulumi.String("NodePort"),
			Selector: labels,
			Ports:    corev1.ServicePortArray{port},
		},
	}, in)
	return err
}
