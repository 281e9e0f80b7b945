"""Tests by kind, and below that by capability."""

from pathlib import Path

PROJECT = Path(__file__).parents[1]
