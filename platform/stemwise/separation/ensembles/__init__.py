"""Ensembles that are no weighted sum: medians, spectra, weights per band. One file per kind."""
