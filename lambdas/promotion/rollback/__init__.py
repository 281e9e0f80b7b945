"""How an endpoint rolls back to its previous configuration after a failed promotion."""
