"""Records, protocols, the error tree and seeds: standard library only, imported by every room."""
