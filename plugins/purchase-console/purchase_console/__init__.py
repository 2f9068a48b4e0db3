"""The operator's console: web pages over one billing, for those whom the application lets in."""

from purchase_console.app import Console

__all__ = ["Console"]
