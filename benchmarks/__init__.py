"""Benchmarks: each prints a ratio against the raw limit of the same machine in the same run.

python -m benchmarks             everything, in full (minutes)
python -m benchmarks --short     the short form that CI runs
python -m benchmarks webhooks    one of them: imports, entitlements, webhooks, history
"""
