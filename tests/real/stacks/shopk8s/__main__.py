"""A shop: database, api, web, worker, cache by Helm, jobs, a CRD. What a release changes is chosen by VERSION."""
import base64, json, pathlib
import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

V = int(pathlib.Path("VERSION").read_text())
cfg = pulumi.Config()
db_password = cfg.require_secret("dbPassword")

cluster = k8s.Provider("cluster", kubeconfig=cfg.require_secret("kubeconfig"), namespace=None)
base = ResourceOptions(provider=cluster)

ns = k8s.core.v1.Namespace("shop", metadata={"labels": {"team": "shop", "release": f"v{V}"}}, opts=base)
NS = ns.metadata.name
cache = k8s.helm.v3.Release("cache", chart="./chart", namespace=NS, values={"replicas": 1 if V < 2 else 2, "maxmemory": f"{64 * V}mb", "password": db_password, "tag": "7.0" if V < 3 else "7.2"}, opts=base)
# Known only once it is deployed: so previews of versions 4 and 5 don't notice what the cluster will refuse.
cache_status = cache.status.apply(lambda status: status.status)


class Database(pulumi.ComponentResource):
    def __init__(self, name, password, opts=None):
        super().__init__("shop:k8s:Database", name, None, opts)
        me = ResourceOptions(parent=self)
        self.secret = k8s.core.v1.Secret(f"{name}-auth", metadata={"namespace": NS}, string_data={"password": password, "user": "shop"}, opts=me)
        self.config = k8s.core.v1.ConfigMap(f"{name}-conf", metadata={"namespace": NS}, data={"postgresql.conf": f"max_connections = {100 * V}\nshared_buffers = 128MB\n"}, opts=me)
        self.pv = k8s.core.v1.PersistentVolume(f"{name}-pv", spec={"capacity": {"storage": "5Gi" if V < 2 else "10Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": f"/var/lib/shop/{name}{'-16' if V == 3 else ''}"}, "storageClassName": "manual", "persistentVolumeReclaimPolicy": "Retain"}, opts=me)
        self.pvc = k8s.core.v1.PersistentVolumeClaim(f"{name}-data", metadata={"namespace": NS, "labels": {"cache": cache_status}}, spec={"accessModes": ["ReadWriteOnce"], "storageClassName": "manual", "volumeName": self.pv.metadata.name, "resources": {"requests": {"storage": "5Gi" if V != 4 else "10Gi"}}}, opts=me)
        labels = {"app": name}
        self.service = k8s.core.v1.Service(f"{name}", metadata={"namespace": NS, "name": "postgres"}, spec={"clusterIP": "None", "selector": labels, "ports": [{"port": 5432, "name": "pg"}]}, opts=me)
        self.sts = k8s.apps.v1.StatefulSet(
            f"{name}", metadata={"namespace": NS, "name": "postgres"},
            spec={"serviceName": "postgres-hl" if V == 3 else "postgres", "replicas": 1, "selector": {"matchLabels": labels},
                  "template": {"metadata": {"labels": labels}, "spec": {
                      "containers": [{"name": "pg", "image": f"postgres:{15 if V < 3 else 16}", "ports": [{"containerPort": 5432}],
                                      "env": [{"name": "POSTGRES_PASSWORD", "valueFrom": {"secretKeyRef": {"name": self.secret.metadata.name, "key": "password"}}}],
                                      "volumeMounts": [{"name": "data", "mountPath": "/var/lib/postgresql/data"}, {"name": "conf", "mountPath": "/etc/pg"}]}],
                      "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": self.pvc.metadata.name}}, {"name": "conf", "configMap": {"name": self.config.metadata.name}}]}}},
            opts=me)
        self.url = Output.secret(Output.concat("postgres://shop:", password, "@", self.service.metadata.name, ".", NS, ".svc:5432/shop"))
        self.register_outputs({"url": self.url})


class WebApp(pulumi.ComponentResource):
    def __init__(self, name, image, replicas, settings, db_url=None, selector=None, opts=None, extra_port=None):
        super().__init__("shop:k8s:WebApp", name, None, opts)
        me = ResourceOptions(parent=self)
        labels = {"app": name, **(selector or {})}
        self.sa = k8s.core.v1.ServiceAccount(name, metadata={"namespace": NS}, opts=me)
        self.config = k8s.core.v1.ConfigMap(name, metadata={"namespace": NS}, data=settings, opts=me)
        env = [{"name": "SETTINGS", "value": self.config.metadata.name}]
        if db_url is not None:
            env.append({"name": "DATABASE_URL", "value": db_url})
        self.deployment = k8s.apps.v1.Deployment(
            name, metadata={"namespace": NS, "labels": labels, "annotations": {"shop/release": f"v{V}"}},
            spec={"replicas": replicas, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
                "serviceAccountName": self.sa.metadata.name,
                "containers": [{"name": "main", "image": image, "env": env, "ports": [{"containerPort": 8080}],
                                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                                "volumeMounts": [{"name": "settings", "mountPath": "/settings"}]}],
                "volumes": [{"name": "settings", "configMap": {"name": self.config.metadata.name}}]}}}, opts=me)
        ports = [{"name": "http", "port": 80, "targetPort": 8080}]
        if extra_port:
            ports.append(extra_port)
        self.service = k8s.core.v1.Service(name, metadata={"namespace": NS, "annotations": {"shop/cache": cache_status}}, spec={"selector": labels, "ports": ports, "type": "ClusterIP" if name != "web" or V < 2 else "NodePort"}, opts=me)
        self.hpa = k8s.autoscaling.v2.HorizontalPodAutoscaler(name, metadata={"namespace": NS}, spec={"minReplicas": 1, "maxReplicas": 2 + V, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": self.deployment.metadata.name}, "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]}, opts=me)
        self.pdb = k8s.policy.v1.PodDisruptionBudget(name, metadata={"namespace": NS}, spec={"minAvailable": 1, "selector": {"matchLabels": labels}}, opts=me)
        self.register_outputs({"service": self.service.metadata.name})


db = Database("orders-db", db_password, opts=ResourceOptions(providers=[cluster]))
api = WebApp("api", f"shop/api:1.{V}", 2 if V < 2 else 3, {"app.json": f'{{"release": "1.{V}", "currency": "EUR"}}'}, db_url=db.url,
             selector={"tier": "backend"} if V >= 3 else None, opts=ResourceOptions(providers=[cluster]))
web = WebApp("web", f"shop/web:1.{V}", 2, {"api": Output.concat("http://", api.service.metadata.name), "theme": "plain" if V < 2 else "spring"},
             opts=ResourceOptions(providers=[cluster]), extra_port={"name": "bad", "port": 81, "nodePort": 80} if V == 5 else None)
if V >= 2:
    worker = WebApp("worker", f"shop/worker:1.{V}", 1, {"queue": "orders"}, db_url=db.url, opts=ResourceOptions(providers=[cluster]))

migrate = k8s.batch.v1.Job("migrate", metadata={"namespace": NS}, spec={"backoffLimit": 1, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "m", "image": f"shop/migrate:1.{V}", "env": [{"name": "URL", "value": db.url}]}]}}}, opts=ResourceOptions(provider=cluster, depends_on=[db]))
if V < 3:
    k8s.batch.v1.CronJob("backup", metadata={"namespace": NS}, spec={"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "b", "image": "shop/backup:1"}]}}}}}, opts=base)
# `data` is what an API server stores, `stringData` what the database's Secret above sends.
registry = k8s.core.v1.Secret("registry", metadata={"namespace": NS}, type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": db_password.apply(lambda p: base64.b64encode(json.dumps({"auths": {f"r{V}.example": {"password": p}}}).encode()).decode())}, opts=base)
tools = k8s.core.v1.Namespace("tools", opts=base)
if V > 1:
    k8s.batch.v1.Job("seed", metadata={"namespace": tools.metadata.name}, spec={"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "s", "image": "shop/seed:1"}]}}}, opts=base)
role = k8s.rbac.v1.Role("reader", metadata={"namespace": NS}, rules=[{"apiGroups": [""], "resources": ["configmaps"] if V < 2 else ["configmaps", "services"], "verbs": ["get", "list"]}], opts=base)
binding = k8s.rbac.v1.RoleBinding("reader", metadata={"namespace": NS}, role_ref={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role.metadata.name}, subjects=[{"kind": "ServiceAccount", "name": api.sa.metadata.name, "namespace": NS}], opts=base)
ingress = k8s.networking.v1.Ingress("front", metadata={"namespace": NS, "annotations": {"pulumi.com/skipAwait": "true"}}, spec={"rules": [{"host": "shop.example" if V < 3 else "www.shop.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": web.service.metadata.name, "port": {"number": 80}}}}]}}]}, opts=base)
netpol = k8s.networking.v1.NetworkPolicy("db-only-api", metadata={"namespace": NS}, spec={"podSelector": {"matchLabels": {"app": "orders-db"}}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": a}}} for a in (["api"] if V < 2 else ["api", "worker"])]}]}, opts=base)
quota = k8s.core.v1.ResourceQuota("quota", metadata={"namespace": NS}, spec={"hard": {"pods": str(20 + V)}}, opts=base)

crd = k8s.apiextensions.v1.CustomResourceDefinition("widgets", metadata={"name": "widgets.shop.example"}, spec={"group": "shop.example", "scope": "Namespaced", "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"}, "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}}}]}, opts=base)
widget = k8s.apiextensions.CustomResource("banner", api_version="shop.example/v1", kind="Widget", metadata={"namespace": NS}, spec={"text": f"Welcome to {V}", "size": V}, opts=ResourceOptions(provider=cluster, depends_on=[crd]))

old_chart = k8s.helm.v4.Chart("sessions", chart="./chart", namespace=NS, values={"maxmemory": f"{32 * V}mb"}, opts=ResourceOptions(providers=[cluster]))
group = k8s.yaml.v2.ConfigGroup("legacy", yaml=Output.from_input(NS).apply(lambda n: pathlib.Path("extra.yaml").read_text().replace("MODE", f"mode-{V}").replace("metadata: {", f"metadata: {{namespace: {n}, ")), opts=ResourceOptions(providers=[cluster]))
patch = k8s.core.v1.NamespacePatch("default-labels", metadata={"name": "default", "labels": {"shop/touched": f"v{V}"}, "annotations": {"pulumi.com/patchForce": "true"}}, opts=base)

pulumi.export("namespace", NS)
pulumi.export("api", api.service.metadata.name)
pulumi.export("db_url", db.url)
pulumi.export("release", V)
