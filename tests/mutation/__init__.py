"""Mutation testing of the rules: do a module's own tests notice that something in it is wrong?

mutmut makes the mutants: a function with an argument less, another operator, another text. `make mutation` runs each
against the tests of the same capability, in tests/unit and tests/adapters. A mutant that they accept survives. At
least 95 % must be killed, and survivors.yaml explains each one that is left.

mutmut mutates what is in functions, but no decorated function such as a property, and no table or pattern of a module.
Words that only a person reads, such as those of a message, are not mutated either (tuned_mutmut.py).
"""
