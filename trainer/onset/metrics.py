"""rlmr_run_*: a run that is watched, for Prometheus. Served by `rlmr watch --metrics-port`."""

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from trainer.onset.guarding import Onset, strategy_of
from trainer.onset.windows import all_windows
from trainer.run.ledger import Ledger


class RunMetrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def gauge(name: str, help: str, *labels: str) -> Gauge:
            return Gauge(f"rlmr_run_{name}", help, labels, registry=self.registry)

        self.step = gauge("step", "Training steps made.")
        self.reward = gauge("reward", "Mean of the trained signal in its newest window.", "signal")
        self.held_back = gauge("held_back", "Mean of a signal that is not trained on, in its newest window.", "signal")
        self.onset = gauge("hacking_onset_step", "Last step before the onset of reward hacking; -1 = no onset seen.")

    def serve(self, port: int) -> int:
        """On every interface of this machine; 0 = a free port. Returns the port."""
        server, _ = start_http_server(port, registry=self.registry)
        return int(server.server_port)

    def update(self, ledger: Ledger, onset: Onset | None) -> None:
        self.step.set(len(ledger.steps))
        for windows in all_windows(ledger, strategy_of(ledger.folder)):
            self.reward.labels(windows.signal).set(windows.reward[-1])
            self.held_back.labels(windows.signal).set(windows.held_back[-1])
        self.onset.set(-1 if onset is None else onset.step)
