"""Running one model over one track: chunking, batching, weighted overlap-add, normalisation."""
