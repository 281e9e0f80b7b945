"""Variables that name where a container writes, and not what it reads. Pure: no AWS calls.

What is there is no artifact: a copy is stored where the target's container may not write, and no one could tell.
AWS has no list of such variables, so their names are read by their words.
"""

from __future__ import annotations

import re

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_WRITTEN = {
    *("LOG", "LOGS", "LOGDIR", "LOGGING", "AUDIT", "TRACE", "TRACES", "TRACING", "METRICS", "TELEMETRY", "MONITORING"),
    *("OUTPUT", "OUTPUTS", "RESULTS", "PREDICTIONS", "CAPTURE", "FAILURES", "FEEDBACK", "REPORTS"),
    *("DUMP", "DUMPS", "EXPORT", "EXPORTS", "UPLOAD", "UPLOADS", "SINK", "DEST", "DESTINATION"),
    # NEURON_COMPILE_CACHE_URL (AWS Neuron: NeuronX Distributed, environment variables), for one.
    *("CACHE", "SCRATCH", "SPOOL", "TMP", "TEMP", "TENSORBOARD", "PROFILER", "PROFILING"),
}
# What is read although it is about something that is written: LOG_CONFIG.
_READ = {"CONFIG", "CONFIGURATION", "CONF", "SCHEMA", "PARSER", "MODEL"}
_FILE = re.compile(r"/[^/]*\.[A-Za-z0-9]{1,10}")


def is_written(name: str, uri: str) -> bool:
    """Whether a variable says that the container writes to its S3 URI. A URI with a file's extension is one file."""
    words = {word.upper() for word in _WORDS.findall(name)}
    return bool(words & _WRITTEN) and not words & _READ and not _FILE.fullmatch(uri[uri.rindex("/") :])
