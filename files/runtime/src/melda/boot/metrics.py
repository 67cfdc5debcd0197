"""What Prometheus scrapes: ``GET /metrics`` on port 2310."""

from __future__ import annotations

import contextlib
import glob
import os
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

import melda
from melda.base import memory, release, supervisor_metrics
from melda.base.paths import LOCAL_PLUGINS
from melda.boot import health
from melda.plugins import state
from melda.sync.on_disk import local_index

STAGES = ("saved", "saving", "restoring", "failed", "local")  # of the sync daemon
PARTS = ("jupyter", "mount", "dbus", health.DATA)
COUNTERS = ("melda_service_restarts", "melda_installs")
RESTARTS = "restarts "  # before a service's name, in the facts of PID 1
Json = Mapping[str, Any]


class Metric(NamedTuple):
    """One metric: its name, what it means, and its values by their labels."""

    name: str
    help: str
    labels: Tuple[str, ...]
    values: Sequence[Tuple[Tuple[str, ...], float]]


def _one(name: str, help: str, value: Any) -> List[Metric]:
    """Return a metric without labels; none where the value is not known."""
    return [] if value is None else [Metric(name, help, (), [((), float(value))])]


class Archived:
    """Bytes of the archives that hold the user's packages in the bucket. An index is read again when it has changed."""

    def __init__(self, folder: str = LOCAL_PLUGINS) -> None:
        self._folder = folder
        self._known: Dict[str, Tuple[int, int]] = {}

    def size(self) -> int:
        """Return the bytes."""
        total = 0
        for path in glob.glob(os.path.join(self._folder, "*.json")):
            try:
                changed = os.stat(path).st_mtime_ns
                if self._known.get(path, (0, 0))[0] != changed:
                    found = sum(part.size for part in local_index.read(path).parts.values())
                    self._known[path] = (changed, found)
            except OSError:
                continue
            total += self._known[path][1]
        return total


def stage(line: str) -> str:
    """Which of :data:`STAGES` a line of the sync daemon's is."""
    return "local" if line == state.LOCAL else next((one for one in STAGES if line.startswith(one)), "restoring")


def collect(healthy: Mapping[str, str], activity: Json, archived: Archived) -> List[Metric]:
    """Return all metrics. None of them holds a name of the user's: whoever may scrape learns numbers."""
    known = supervisor_metrics.read()
    distribution, ends = release.distribution()
    mount = healthy.get("mount", "")
    now = stage(healthy.get(health.PLUGINS, ""))
    parts = [(part, answer) for part, answer in healthy.items() if part in PARTS]
    found = [
        Metric("melda_info", "What runs here.", ("version", "distribution"), [((melda.__version__, distribution), 1.0)]),
        Metric("melda_healthy", "1: the part is well, or not in the image.", ("part",),
               [((part,), float(answer in (health.OK, "not installed"))) for part, answer in parts]),
        Metric("melda_sync_state", "1: the state of the sync daemon.", ("state",),
               [((one,), float(one == now)) for one in STAGES]),
        Metric("melda_installs", "Installations that were seen to begin.", (), [((), float(activity.get("installs", 0)))]),
        Metric("melda_service_restarts", "How often a service ended and was started again.", ("service",),
               [((name[len(RESTARTS):],), value) for name, value in known.items() if name.startswith(RESTARTS)]),
    ]  # fmt: skip
    if isinstance(activity.get("kernels"), int):
        busy = activity["busy_kernels"]
        values = [(("busy",), float(busy)), (("idle",), float(activity["kernels"] - busy))]
        found.append(Metric("melda_kernels", "Kernels, by what they do.", ("state",), values))
    changed = None
    with contextlib.suppress(OSError):
        changed = os.stat(state.STATE).st_mtime
    for name, help, value in (
        ("melda_start_seconds", "Seconds from the start of the container until Jupyter answered.", known.get("start_seconds")),
        ("melda_mount_ok", "1: the mount answers.", float(mount == health.OK)),
        ("melda_mount_seconds", "Seconds that the mount took for its last answer.", known.get("mount_seconds")),
        ("melda_sync_changed_timestamp_seconds", "When the state of the sync daemon changed last.", changed),
        ("melda_sync_bytes", "Bytes of the archives in the bucket.", archived.size()),
        ("melda_processors", "Processors that the user's processes keep busy.", activity.get("cpu")),
        ("melda_installing", "1: something is being installed.", activity and bool(activity.get("installing"))),
        ("melda_terminals", "Open terminals.", activity.get("terminals")),
        ("melda_ssh_connections", "Open ssh connections.", activity.get("ssh")),
        ("melda_idle_seconds", "Seconds since anything was done.", activity.get("idle_seconds")),
        ("melda_memory_bytes", "Memory that the container uses, without files that the kernel would drop.", memory.used()),
        ("melda_memory_limit_bytes", "Memory at which it is killed.", memory.limit()),
        ("melda_support_ends_timestamp_seconds", "Last day of the distribution's security updates.",
         None if ends is None else (ends.toordinal() - 719163) * 86400),
    ):  # fmt: skip
        found += _one(name, help, None if value == {} else value)
    return found


def text(metrics: List[Metric]) -> bytes:
    """Return the metrics as Prometheus reads them, by the library that Jupyter brings for its own."""
    # Here: it takes a while to load, and few ask.
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415

    class Collected:
        def collect(self) -> Any:
            for metric in metrics:
                kind = CounterMetricFamily if metric.name in COUNTERS else GaugeMetricFamily
                family = kind(metric.name, metric.help, labels=metric.labels)
                for labels, value in metric.values:
                    family.add_metric(labels, value)
                yield family

    registry = CollectorRegistry()
    registry.register(Collected())  # type: ignore[arg-type, unused-ignore]
    return bytes(generate_latest(registry))
