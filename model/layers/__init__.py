"""Building blocks shared by codec and generator."""
