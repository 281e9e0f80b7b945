"""How an endpoint gets back to what served before a failed promotion."""
