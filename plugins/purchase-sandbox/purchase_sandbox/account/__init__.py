"""One account of the sandbox: what it holds, what it answers, and what falls due in it."""
