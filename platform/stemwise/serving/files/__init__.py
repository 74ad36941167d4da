"""The files of jobs, in a folder or in an object store."""
