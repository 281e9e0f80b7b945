"""The documentation and the program that draws in it."""
