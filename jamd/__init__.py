"""jamd: a jam partner that lives in a musician's session."""

__version__ = "0.1.0"
