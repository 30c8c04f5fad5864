"""A cache by Helm, an api that others scale, a job for each release."""
import pathlib

import pulumi
import pulumi_kubernetes as k8s

V = int(pathlib.Path("VERSION").read_text())
cluster = k8s.Provider("cluster", kubeconfig=pulumi.Config().require_secret("kubeconfig"))
opts = pulumi.ResourceOptions(provider=cluster)
ns = k8s.core.v1.Namespace("cache", opts=opts)
NS = ns.metadata.name

release = k8s.helm.v3.Release("release", chart="./chart", namespace=NS, values={"maxmemory": f"{64 * V}mb"}, opts=opts)
chart = k8s.helm.v4.Chart("chart", chart="./chart", namespace=NS, values={"maxmemory": f"{32 * V}mb"}, opts=pulumi.ResourceOptions(providers=[cluster]))
settings = k8s.core.v1.ConfigMap("settings", metadata={"namespace": NS}, data={"release": f"{V}"}, opts=opts)
api = k8s.apps.v1.Deployment("api", metadata={"namespace": NS}, spec={
    "replicas": V, "selector": {"matchLabels": {"app": "api"}}, "template": {"metadata": {"labels": {"app": "api"}}, "spec": {
        "containers": [{"name": "main", "image": f"api:{V}"}],
        "volumes": [{"name": "settings", "configMap": {"name": settings.metadata.name}}]}}}, opts=opts)
job = k8s.batch.v1.Job("migrate", metadata={"namespace": NS}, spec={"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "m", "image": f"migrate:{V}"}]}}}, opts=opts)
