"""The report's figures: `drawing` makes files and inline SVG, the others put data on axes."""
