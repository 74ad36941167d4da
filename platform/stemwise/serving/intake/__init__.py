"""From an upload to a job: forms, content, decoding in a limited process."""
