"""Routing: which connection takes a checkout. Pure; every decision can be explained and run again.

`router.py` composes the steps of `steps/` under a `Policy`; `table.py` reads a policy, `problems.py` finds
what cannot be meant in one. `breaker.py` keeps how connections fare, `failover.py` says when the next one may
be tried, `backtest.py` and `simulation.py` try a policy before it is live.
"""
