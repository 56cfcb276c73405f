"""Log lines as JSON: what was said, and the facts of the request it is about. Never a feature's value."""

import logging
from datetime import UTC, datetime

import orjson

FACTS = (
    *("request_id", "trace_id", "span_id", "model_name", "model_version", "variant"),
    *("method", "path", "status", "dur_ms", "audit"),
)


class JsonLines(logging.Formatter):
    """One JSON object a line: `ts`, `level`, `logger`, `msg`, and of `FACTS` what `extra` holds."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        content: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        content |= {name: record.__dict__[name] for name in FACTS if record.__dict__.get(name) is not None}
        if record.exc_info:
            content["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(content, default=str).decode()


def install_logs(kind: str) -> None:
    """Write log lines to standard error, as `json` or as `text`."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonLines() if kind == "json" else logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
