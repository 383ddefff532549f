"""The command line: one thin file per command; every command imports its work when it runs."""
