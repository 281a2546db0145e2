"""What gapscan knows about a cloud estate: evidence, resources and the inventory of one scan."""
