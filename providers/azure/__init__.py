"""Microsoft Azure: subscriptions through Resource Graph and the Resource Manager's REST interface."""
