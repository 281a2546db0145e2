"""The cloud-neutral kinds of resource. Each facet has one meaning on all clouds, given by its docstring."""
