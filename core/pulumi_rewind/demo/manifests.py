"""The releases of the shop on Kubernetes: a Pulumi YAML program each. Pure."""

from __future__ import annotations

from typing import Final

from pulumi_rewind.demo.site import Release

IMAGE: Final = "traefik/whoami:v1.10"
"""What every container runs: it is small, and answers at its port."""

SERVICES: Final = ("api", "web", "storefront")
"""Every service that some release has, each with a ConfigMap that lists what it reads, under ``<service>-config``."""

_HEAD: Final = """\
# The shop, on Kubernetes. The services do nothing: what counts is what they are told, and whom they ask.
config:
  namespace: {type: string}
  dbPassword: {type: string, secret: true}

resources:
  shop:
    type: kubernetes:core/v1:Namespace
    properties:
      metadata: {name: "${namespace}"}

"""

_DATABASE: Final = """\
  db-access:
    type: kubernetes:core/v1:Secret
    properties:
      metadata: {namespace: "${shop.metadata.name}"}
      stringData: {user: shop, password: "${dbPassword}", schema: "SCHEMA"}
VOLUMES

  db:
    type: kubernetes:core/v1:Service
    properties:
      metadata: {name: db, namespace: "${shop.metadata.name}"}
      spec:
        clusterIP: None
        selector: {app: db}
        ports: [{name: sql, port: 5432}]
  db-server:
    type: kubernetes:apps/v1:StatefulSet
    properties:
      metadata: {name: db, namespace: "${shop.metadata.name}"}
      spec:
        serviceName: ${db.metadata.name}
        selector: {matchLabels: {app: db}}
        template:
          metadata: {labels: {app: db}}
          spec:
            containers:
              - name: db
                image: IMAGE
                envFrom: [{secretRef: {name: "${db-access.metadata.name}"}}]
            volumes:
MOUNTS
"""

_VOLUME: Final = """
  NAME:
    type: kubernetes:core/v1:PersistentVolumeClaim
    properties:
      metadata:
        name: NAME
        namespace: ${shop.metadata.name}
        annotations: {pulumi.com/skipAwait: "true"}  # some clusters give a volume only to a pod that wants it
      spec:
        accessModes: [ReadWriteOnce]
        resources: {requests: {storage: 1Gi}}
"""

_MOUNT: Final = '              - {name: NAME, persistentVolumeClaim: {claimName: "${NAME.metadata.name}"}}\n'

_SERVICE: Final = """
  NAME-config:
    type: kubernetes:core/v1:ConfigMap
    properties:
      metadata: {namespace: "${shop.metadata.name}"}
      data: {DATA}
  NAME:
    type: kubernetes:apps/v1:Deployment
    properties:
      metadata:
        name: NAME
        namespace: ${shop.metadata.name}
        labels: {app.kubernetes.io/version: "VERSION"}
      spec:
        replicas: 2
        selector: {matchLabels: {app: NAME}}
        template:
          metadata: {labels: {app: NAME}}
          spec:
            containers:
              - name: NAME
                image: IMAGE
                envFrom: [{configMapRef: {name: "${NAME-config.metadata.name}"}}]
  NAME-service:
    type: kubernetes:core/v1:Service
    properties:
      metadata: {name: NAME, namespace: "${shop.metadata.name}"}
      spec:
        selector: {app: NAME}
        ports: [{name: http, port: PORT}]
    options: {dependsOn: ["${NAME}"]}
"""

_MIGRATION: Final = """
  fill-in-totals:
    type: kubernetes:batch/v1:Job
    properties:
      metadata: {name: fill-in-totals, namespace: "${shop.metadata.name}"}
      spec:
        backoffLimit: 0
        activeDeadlineSeconds: 5
        template:
          spec:
            restartPolicy: Never
            nodeSelector: {disk: migration}  # no node has that label
            containers: [{name: sql, image: "IMAGE"}]
    options: {dependsOn: ["${db-server}", "${storefront-service}"]}
"""

_TAIL: Final = """
outputs:
  database: shop:${dbPassword}@db:5432
"""


def _database(schema: int, *volumes: str) -> str:
    return (
        _DATABASE.replace("SCHEMA", str(schema))
        .replace("VOLUMES\n", "".join(_VOLUME.replace("NAME", name) for name in volumes))
        .replace("MOUNTS\n", "".join(_MOUNT.replace("NAME", name) for name in volumes))
    )


def _service(name: str, version: str, port: int, **data: str) -> str:
    told = ", ".join(f'{key}: "{value}"' for key, value in data.items())
    return _SERVICE.replace("NAME", name).replace("VERSION", version).replace("PORT", str(port)).replace("DATA", told)


def _program(*parts: str) -> str:
    return "".join([_HEAD, *parts, _TAIL]).replace("IMAGE", IMAGE)


_API: Final = "http://api:8080"

RELEASES: Final = (
    Release(
        "v1.0",
        "Open the shop",
        _program(
            _database(1, "products"),
            _service("api", "1.0", 8080, headline="open for business", prices="in euros"),
        ),
    ),
    Release(
        "v1.1",
        "Orders, and a web front",
        _program(
            _database(1, "products", "orders"),
            _service("api", "1.1", 8080, headline="open for business", prices="in euros"),
            _service("web", "1.1", 80, headline="welcome", upstream=_API),
        ),
    ),
    Release(
        "v1.2",
        "Spring sale",
        _program(
            _database(1, "products", "orders"),
            _service("api", "1.2", 8080, headline="open for business", prices="in euros, 20% off"),
            _service("web", "1.2", 80, headline="spring sale", upstream=_API),
        ),
    ),
    Release(
        "v1.3",
        "Prices in cents, a new storefront",
        _program(
            _database(2, "products", "orders", "totals"),
            _service("api", "1.3", 9090, headline="now in cents", prices="in cents"),
            _service("storefront", "1.3", 80, headline="a new look", upstream="http://api:9090"),
            _MIGRATION,
        ),
        fails=True,
    ),
)
"""In the order they are deployed. The last one gives the api another port, then its migration finds no node to run on,
and the old web front is left asking at the old port."""
