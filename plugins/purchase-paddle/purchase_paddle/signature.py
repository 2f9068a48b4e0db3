"""Signatures of webhooks: `Paddle-Signature: ts=<seconds>;h1=<hex>[;h1=<hex>…]`.

The window is ours: Paddle's libraries use five seconds, which a retry through a queue would miss. Source:
webhooks/signature-verification.
"""

from __future__ import annotations

from purchase_core.ports.provider import SignatureForm

FORM = SignatureForm(header="paddle-signature", time_name="ts", scheme="h1", separator=";", joint=":")
