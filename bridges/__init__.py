"""Bridges to outside libraries, one a room. They import the contract only."""
