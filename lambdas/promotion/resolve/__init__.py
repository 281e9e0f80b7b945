"""From the request to the model that is promoted: request, eligibility, model registry, identity."""
