"""Import target for Serve: `serve run deployments.separation:build recipes=demo`."""

from stemwise.serving.app import build

__all__ = ["build"]
