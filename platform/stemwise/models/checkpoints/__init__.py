"""Files of weights: found or downloaded, verified, and opened without running what they carry."""
