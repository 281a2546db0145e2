"""Who is accountable for a control on a resource: selection, precedence and inference."""
