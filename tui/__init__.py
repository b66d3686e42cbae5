"""The dashboard: a Textual application that knows the daemon by its public OSC interface alone."""
