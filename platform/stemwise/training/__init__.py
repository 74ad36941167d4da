"""Training the demo zoo on the demo generator: songs → examples → loss → trainer → checkpoint."""
