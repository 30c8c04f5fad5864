"""The releases of the shop on this machine: a Python program each. Pure."""

from __future__ import annotations

from typing import Final

from pulumi_rewind.demo.site import Release

HEAD: Final = '''\
"""The shop, as code. `shop/resources.py` says what a database, a service … is on this machine."""

import pulumi

from shop.resources import {kinds}

config = pulumi.Config()
password = config.require_secret("dbPassword")

'''

TAIL: Final = """
pulumi.export("connection", pulumi.Output.concat("sqlite://shop:", password, "@", db.id))
"""

_V10: Final = """\
db = Database("shop-db", encoding="UTF-8", password=password)

products = Dataset(
    "products",
    database=db,
    columns=["name", "price"],
    rows=[
        {"name": "Teapot", "price": "24.00"},
        {"name": "Mug", "price": "8.50"},
    ],
)

api_config = ConfigFile(
    "api-config",
    {"headline": "open for business", "database": db.id, "path": db.path, "tables": [products.table]},
)
api = WebServer("api", version="1.0", port=config.require_int("apiPort"), config=api_config)

pulumi.export("api", api.url)
"""

_V11: Final = """\
db = Database("shop-db", encoding="UTF-8", password=password)

products = Dataset(
    "products",
    database=db,
    columns=["name", "price"],
    rows=[
        {"name": "Teapot", "price": "24.00"},
        {"name": "Mug", "price": "8.50"},
        {"name": "Whisk", "price": "6.00"},
    ],
)
orders = Dataset(
    "orders",
    database=db,
    columns=["customer", "product"],
    rows=[
        {"customer": "Ada", "product": "Teapot"},
        {"customer": "Grace", "product": "Mug"},
    ],
)

api_config = ConfigFile(
    "api-config",
    {"headline": "open for business", "database": db.id, "path": db.path, "tables": [products.table, orders.table]},
)
api = WebServer("api", version="1.1", port=config.require_int("apiPort"), config=api_config)

web_config = ConfigFile(
    "web-config",
    {"headline": "welcome", "upstream": api.url, "database": db.id, "path": db.path, "tables": [products.table]},
)
web = WebServer("web", version="1.1", port=config.require_int("webPort"), config=web_config)

pulumi.export("api", api.url)
pulumi.export("web", web.url)
"""

_GRACE: Final = '        {"customer": "Grace", "product": "Mug"},\n'

_V12: Final = (
    _V11.replace('version="1.1"', 'version="1.2"')
    .replace('"price": "24.00"', '"price": "19.00"')
    .replace('"headline": "welcome"', '"headline": "spring sale"')
    .replace(_GRACE, _GRACE + _GRACE.replace("Grace", "Edsger").replace("Mug", "Whisk"))
)

_V13: Final = """\
db = Database("shop-db", encoding="UTF-16le", password=password)

products = Dataset(
    "products",
    database=db,
    columns=["name", "price"],
    rows=[
        {"name": "Teapot", "price": "1900"},
        {"name": "Mug", "price": "850"},
    ],
)
orders = Dataset(
    "orders",
    database=db,
    columns=["customer", "product", "total"],
    rows=[
        {"customer": "Ada", "product": "Teapot", "total": "0"},
        {"customer": "Grace", "product": "Mug", "total": "0"},
    ],
)

api_config = ConfigFile(
    "api-settings",
    {"headline": "now in cents", "database": db.id, "path": db.path, "tables": [products.table, orders.table]},
    opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="api-config")]),
)
api = WebServer("api", version="1.3", port=config.require_int("apiPort"), config=api_config)

storefront_config = ConfigFile(
    "storefront-config",
    {"headline": "a new look", "upstream": api.url, "database": db.id, "path": db.path, "tables": [products.table]},
)
storefront = WebServer("storefront", version="1.3", port=config.require_int("storefrontPort"), config=storefront_config)

totals = Migration(
    "fill-in-totals",
    database=db,
    sql="UPDATE orders SET total = price * quantity",
    opts=pulumi.ResourceOptions(depends_on=[orders, storefront]),
)

pulumi.export("api", api.url)
pulumi.export("storefront", storefront.url)
"""

_KINDS: Final = "ConfigFile, Database, Dataset, WebServer"


def _program(body: str, kinds: str = _KINDS) -> str:
    return HEAD.format(kinds=kinds) + body + TAIL.removeprefix("\n")


RELEASES: Final = (
    Release("v1.0", "Open the shop", _program(_V10)),
    Release("v1.1", "Orders, and a web front", _program(_V11)),
    Release("v1.2", "Spring sale", _program(_V12)),
    Release(
        "v1.3",
        "Prices in cents, a new storefront",
        _program(_V13, "ConfigFile, Database, Dataset, Migration, WebServer"),
        fails=True,
    ),
)
"""In the order they are deployed. The last one replaces the database with all its tables, then its migration fails and
the old web front is left without a database."""
