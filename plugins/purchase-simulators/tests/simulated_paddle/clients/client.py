# mypy: ignore-errors
"""Paddle's own SDK for Python, against the simulator: {url, key, webhook} come from stdin, findings go out.

It runs in an environment of its own: the SDK installs packages named `tests` and `examples`.
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

from paddle_billing import Client, Options
from paddle_billing.Entities.Shared import CurrencyCode, Interval, Money, TaxCategory
from paddle_billing.Entities.Shared.Duration import Duration
from paddle_billing.Notifications import Secret, Verifier
from paddle_billing.Resources.Customers.Operations import CreateCustomer
from paddle_billing.Resources.Prices.Operations import CreatePrice
from paddle_billing.Resources.Products.Operations import CreateProduct
from paddle_billing.Resources.Transactions.Operations import CreateTransaction
from paddle_billing.Resources.Transactions.Operations.Create import TransactionCreateItem

VARIANCE_SECONDS = 300  # a machine that is busy starts this program late

given = json.load(sys.stdin)
client = Client(given["key"], options=Options(environment=SimpleNamespace(base_url=given["url"])))
seen = {}

customer = client.customers.create(CreateCustomer(email="python@example.com"))
seen["customer"] = customer.id
try:
    client.customers.create(CreateCustomer(email="python@example.com"))
except Exception as error:
    seen["conflict"] = error.error_code
product = client.products.create(CreateProduct(name="App", tax_category=TaxCategory.Standard))
price = client.prices.create(
    CreatePrice(
        description="Pro",
        product_id=product.id,
        unit_price=Money("1200", CurrencyCode.USD),
        billing_cycle=Duration(Interval.Month, 1),
    )
)
made = client.transactions.create(
    CreateTransaction(items=[TransactionCreateItem(price.id, 2)], customer_id=customer.id)
)
seen["transaction"] = [made.status.value, made.details.totals.total]
seen["events"] = sum(1 for _ in client.events.list())
seen["listed"] = [one.id for one in client.transactions.list()]

if given["webhook"]:
    webhook = given["webhook"]
    request = SimpleNamespace(
        body=webhook["body"].encode(), headers={"Paddle-Signature": webhook["signature"]}
    )
    seen["signatures"] = [
        bool(Verifier(VARIANCE_SECONDS).verify(request, Secret(webhook["secret"]))),
        bool(Verifier(VARIANCE_SECONDS).verify(request, Secret(webhook["secret"] + "x"))),
    ]
sys.stdout.write(json.dumps(seen))
