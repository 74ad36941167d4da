"""The report as a page: `document` puts it together, a file per section, and what its script needs."""

from stemwise.report.page.document import write_report

__all__ = ["write_report"]
