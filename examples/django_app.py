"""Django, in one file: `python django_app.py runserver 8000` in this folder; over WSGI or ASGI."""

from __future__ import annotations

import sys
from secrets import token_urlsafe

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from shop import cart, opening

from purchase_core.frameworks.django import urls
from purchase_core.sync import BlockingBilling

if not settings.configured:
    settings.configure(
        ROOT_URLCONF=__name__, SECRET_KEY=token_urlsafe(), ALLOWED_HOSTS=["*"], USE_TZ=True,
        MIDDLEWARE=["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
    )  # fmt: skip
    django.setup()

billing = BlockingBilling(opening)


@csrf_exempt
def buy(request: HttpRequest, customer: str) -> JsonResponse:
    checkout = billing.ask(lambda it: it.checkout.start(**cart(customer)))
    return JsonResponse({"url": checkout.url, "session": checkout.session})


async def export(request: HttpRequest, customer: str) -> JsonResponse:
    rights = await billing.asked(lambda it: it.customers.entitlements(customer))
    return JsonResponse({"may": rights.has("export")})


urlpatterns = [
    path("billing/", include(urls(billing))),
    path("async/billing/", include(urls(billing, asynchronous=True))),
    path("buy/<customer>", buy),
    path("export/<customer>", export),
]
application = get_wsgi_application()
asgi_application = get_asgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
