"""IAM policies of Google Cloud: where they are attached, whom they name and what they open."""
