"""What all processes agree on. Imports the standard library, numpy and msgspec only."""
