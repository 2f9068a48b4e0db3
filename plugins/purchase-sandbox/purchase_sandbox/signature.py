"""Signatures of webhooks: `Sandbox-Signature: t=<seconds>,v1=<hex>[,v1=<hex>…]`."""

from __future__ import annotations

from purchase_core.ports.provider import SignatureForm

FORM = SignatureForm(header="sandbox-signature", time_name="t", scheme="v1", separator=",", joint=".")
