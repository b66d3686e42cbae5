"""Personalisation, in a process of its own: `jamd learn` is that process. It gives way to a jam that plays beside it."""
