"""Forward passes of our own over the parameters of other packages' networks, for inference only.

A package keeps what makes a checkpoint fit: its classes are built and loaded as they are. What is
computed with their parameters is written here from the papers, arranged so that a CPU keeps its
working set in the cache and its time in matrix products. A network of a layout that is not known
keeps the package's own pass.
"""
