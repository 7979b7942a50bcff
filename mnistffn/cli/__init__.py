"""The command line: options in, one call of the core, results printed."""
