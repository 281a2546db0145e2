"""IAM policies of Google Cloud: where they are attached, their members and the access they grant."""
