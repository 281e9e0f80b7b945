"""How a promotion ended: its record, explanation, announcement and metrics."""
