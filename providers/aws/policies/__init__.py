"""AWS policies: their statements, who gets access and what they allow."""
