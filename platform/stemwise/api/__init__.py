"""The Python API: `import stemwise` offers all of it (docs/python.md)."""
