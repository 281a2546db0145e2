"""IAM's account-wide reports: identities, their policies and their credentials."""
