"""Files, YAML, terminals and git repositories; imports nothing else of gapscan."""
