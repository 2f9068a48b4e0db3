"""Flask: a blueprint with the webhook endpoint, and the pages of providers that host none.

app.register_blueprint(blueprint(billing), url_prefix="/billing")     # POST /billing/webhooks/stripe
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import flask

if TYPE_CHECKING:
    from purchase_core.sync import BlockingBilling


def blueprint(billing: BlockingBilling, name: str = "purchase") -> flask.Blueprint:
    """The blueprint. Both slash forms are answered, since a redirect would be a failed delivery."""
    made = flask.Blueprint(name, __name__)

    @made.route("/<path:path>", methods=["GET", "POST"], strict_slashes=False)
    def endpoint(path: str) -> flask.Response:
        request = flask.request
        body = request.get_data()  # before anything reads a form from it
        query = request.query_string.decode("latin-1")
        answer = billing.answer(request.method, f"/{path}", request.headers.items(), body, query)
        return flask.Response(answer.body, answer.status, list(answer.headers))

    return made
