"""``python -m scanner`` runs ``gapscan``."""

from scanner.cli import main

if __name__ == "__main__":
    main()
