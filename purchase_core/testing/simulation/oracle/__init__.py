"""The oracle: what must be true of an application, told from the provider's truth and its own requests.

It is naive on purpose: it looks at everything each time, and shares no code with the fold, the projection or
the evaluation of rights, which a test makes sure of.
"""
