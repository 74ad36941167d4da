"""The Ray Serve graph: ingress, ensemble, one deployment per model."""
