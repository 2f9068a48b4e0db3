"""Are stores equivalent? One seeded history runs on all of them, and after each step they must tell the same.

    python -m purchase_contract_tests.equivalence --seeds 0:1000 mine=my_tests.engines:mine \\
        memory=purchase_contract_tests.equivalence.engine:memory

`engine` says what such an engine is. `steps` makes the history of a seed, `world` runs it on one store,
`running` compares. The first engine that is named is the one that the others are compared with.
"""
