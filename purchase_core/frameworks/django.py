"""Django: URLs with the webhook endpoint, and the pages of providers that host none.

    urlpatterns = [path("billing/", include(urls(billing)))]              # POST /billing/webhooks/stripe

`urls(billing, asynchronous=True)` for a project that is served over ASGI: then no thread waits for an answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, re_path
from django.views.decorators.csrf import csrf_exempt

from purchase_core.sync import Answer, respond

if TYPE_CHECKING:
    from purchase_core.sync import BlockingBilling

View: TypeAlias = Callable[[HttpRequest, str], HttpResponse | Awaitable[HttpResponse]]


def urls(billing: BlockingBilling, *, asynchronous: bool = False) -> list[URLPattern]:
    """What a project includes. Both slash forms are answered; signatures stand for CSRF tokens."""
    view: View = _asynchronous(billing) if asynchronous else _blocking(billing)
    return [re_path(r"^(?P<path>(?:webhooks|checkout)/[^/]+/?)$", csrf_exempt(view))]


def _blocking(billing: BlockingBilling) -> View:
    def endpoint(request: HttpRequest, path: str) -> HttpResponse:
        heads, query = list(request.headers.items()), request.META.get("QUERY_STRING", "")
        return _response(billing.answer(str(request.method), f"/{path}", heads, request.body, query))

    return endpoint


def _asynchronous(billing: BlockingBilling) -> View:
    async def endpoint(request: HttpRequest, path: str) -> HttpResponse:
        method, body = str(request.method), request.body
        heads, query = list(request.headers.items()), request.META.get("QUERY_STRING", "")
        return _response(await billing.asked(lambda it: respond(it, method, f"/{path}", heads, body, query)))

    return endpoint


def _response(answer: Answer) -> HttpResponse:
    response = HttpResponse(answer.body, status=answer.status)
    for name, value in answer.headers:
        response[name] = value
    return response
