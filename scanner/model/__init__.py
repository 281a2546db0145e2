"""The data model of a cloud estate: evidence, resources and the inventory of one scan."""
