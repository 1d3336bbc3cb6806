"""Evidence that people can look at: one HTML page per result, and an index of a folder of them."""

from pipeline.evidence.report.folder import Stored, parse_result, stored_results, write_index
from pipeline.evidence.report.making import FolderReport, make_page, report_folder
from pipeline.evidence.report.page import render_report, write_report
from pipeline.evidence.report.pictures import Pictures, make_pictures
from pipeline.evidence.report.reading import NotAResultError, Reading, read_result

__all__ = [
    "FolderReport",
    "NotAResultError",
    "Pictures",
    "Reading",
    "Stored",
    "make_page",
    "make_pictures",
    "parse_result",
    "read_result",
    "render_report",
    "report_folder",
    "stored_results",
    "write_index",
    "write_report",
]
