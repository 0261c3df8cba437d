"""deploy/k8s is the chart rendered, nothing else."""

from deploy.render import PLAIN, plain_files


def test_plain_manifests_equal_the_chart() -> None:
    written = {str(p.relative_to(PLAIN)): p.read_text() for p in PLAIN.rglob("*.yaml") if p.parent.name != "examples"}
    assert written == plain_files(), "run `make manifests`"
