"""Pictures: named arrays in, a matplotlib figure out. Nothing else imports matplotlib."""
