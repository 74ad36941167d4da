"""The version, where every stage can read it (`stemwise.__version__` is the same)."""

__version__ = "0.1.0"
