"""What a run keeps: estimates by content, finished tracks, tables."""
