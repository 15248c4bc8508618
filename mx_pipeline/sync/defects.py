"""What is told of a defect of ours: its kind and its places. Its text can quote a row or a key, so it is not told."""

from __future__ import annotations

import logging
import traceback

logger = logging.getLogger(__name__)


def defect(error: Exception) -> str:
    """Log where it broke, and say so in words for people."""
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("sync broke: %s at\n%s", type(error).__name__, where)
    return f"a defect in mx_pipeline ({type(error).__name__}); the log says where"
