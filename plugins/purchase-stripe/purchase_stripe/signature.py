"""Signatures of webhooks: `Stripe-Signature: t=<seconds>,v1=<hex>[,v1=<hex>…][,v0=<hex>]`.

Source: docs.stripe.com/webhooks.
"""

from __future__ import annotations

from purchase_core.ports.provider import SignatureForm

FORM = SignatureForm(header="stripe-signature", time_name="t", scheme="v1", separator=",", joint=".")
