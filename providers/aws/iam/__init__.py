"""What IAM reports about an account as a whole: identities, their policies and their credentials."""
