"""JSONata expressions of a smoke test, which are read and evaluated in a process of their own."""
