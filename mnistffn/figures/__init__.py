"""Pictures: named arrays in, a matplotlib figure out. Nothing else imports matplotlib."""

from mnistffn.figures.render import plain_matplotlib

with plain_matplotlib():  # imported here first, so that nothing of the user's keeps it from loading
    pass
