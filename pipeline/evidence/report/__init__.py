"""Evidence that people can look at: one HTML page per result, and an index of a folder of them."""

from pipeline.evidence.report.gallery import Pictures, make_pictures
from pipeline.evidence.report.index import write_index
from pipeline.evidence.report.make_pages import FolderReport, make_page, report_folder
from pipeline.evidence.report.page import render_report, write_report
from pipeline.evidence.report.rendering import COLOURS
from pipeline.evidence.report.stored import Stored, stored_results

__all__ = [
    "COLOURS",
    "FolderReport",
    "Pictures",
    "Stored",
    "make_page",
    "make_pictures",
    "render_report",
    "report_folder",
    "stored_results",
    "write_index",
    "write_report",
]
