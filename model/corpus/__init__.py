"""The corpus: an endless rule-based jazz band, from a seed to notes, stems, mix and labels. No torch."""
