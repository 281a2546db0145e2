"""What everything stands on: files, YAML, terminals and repositories. It knows nothing else of gapscan."""
