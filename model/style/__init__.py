"""What a style in words means for the band."""
