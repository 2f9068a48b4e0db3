"""Flask: `flask --app flask_app run --port 8000` in this folder."""

from __future__ import annotations

from flask import Flask
from shop import cart, opening

from purchase_core.frameworks.flask import blueprint
from purchase_core.sync import BlockingBilling

billing = BlockingBilling(opening)
app = Flask(__name__)
app.register_blueprint(blueprint(billing), url_prefix="/billing")


@app.post("/buy/<customer>")
def buy(customer: str) -> dict[str, str]:
    checkout = billing.ask(lambda it: it.checkout.start(**cart(customer)))
    return {"url": checkout.url, "session": checkout.session}


@app.get("/export/<customer>")
def export(customer: str) -> dict[str, bool]:
    rights = billing.ask(lambda it: it.customers.entitlements(customer))
    return {"may": rights.has("export")}
