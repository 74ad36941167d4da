"""Serving: a recipe as a Ray Serve application with durable jobs (DESIGN: HTTP API)."""
