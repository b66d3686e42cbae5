"""What screens are made of. Each widget shows the state and nothing else; `panel` is what they share."""
