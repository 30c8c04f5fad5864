"""All real stacks."""

from __future__ import annotations

from tests.real.shop import Shop
from tests.real.shop_aws import AwsShop
from tests.real.shop_go import GoShop
from tests.real.shop_kubernetes import KubernetesShop
from tests.real.shop_node import NodeShop
from tests.real.shop_pki import PkiShop
from tests.real.shop_yaml import YamlShop

SHOPS: tuple[type[Shop], ...] = (KubernetesShop, AwsShop, PkiShop, YamlShop, NodeShop, GoShop)
