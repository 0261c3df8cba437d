"""Builds the images of the cluster test with buildah, from the product's own Dockerfiles, without a container registry.

    python -m tests.cluster.images CACHE WORLD_MODEL

The base image, which the Dockerfiles pin in a registry, is bootstrapped from Debian's packages instead (the official one is made
the same way) and handed over as --build-arg BASE. Everything lives below CACHE; layers are reused, so a second build is quick.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BASE = "localhost/debian-base:bookworm"
PAUSE = "localhost/pause:3"
SERVICES = ("aggregator", "verifier", "writing-rm")
# Names as containerd completes them: what the chart's default values ask for.
REPOSITORY = "docker.io/library/"
PAUSE_FILE = f'FROM {BASE}\nUSER 10001\nENTRYPOINT ["sleep", "infinity"]\n'


def version() -> str:
    found = re.search(r'^appVersion: "(.*)"$', (ROOT / "helm/rlmr/Chart.yaml").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError("helm/rlmr/Chart.yaml has no quoted appVersion")
    return found[1]


class Builder:
    """buildah with storage of its own: nothing on the machine changes outside `cache`."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.archives = cache / "images"
        self.archives.mkdir(parents=True, exist_ok=True)
        storage = cache / "containers"
        # chroot isolation: needs no namespaces, cgroups or network set-up inside other sandboxes.
        self.environment = {**os.environ, "BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "overlay"}
        self.options = ["--root", str(storage / "storage"), "--runroot", str(storage / "run")]

    def buildah(self, *arguments: str, quiet: bool = True) -> str:
        done = subprocess.run(
            ["buildah", *self.options, *arguments], env=self.environment, text=True, capture_output=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(
                f"buildah {' '.join(arguments[:4])} ... failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            )
        return done.stdout.strip()

    def has(self, image: str) -> bool:
        return image in self.buildah("images", "--format", "{{.Name}}:{{.Tag}}").splitlines()

    def base(self) -> None:
        """Debian minbase as the base image: 25 s, once."""
        if self.has(BASE):
            return
        rootfs = self.cache / "rootfs"
        shutil.rmtree(rootfs, ignore_errors=True)
        packages = "--include=ca-certificates"
        run(["debootstrap", "--variant=minbase", packages, "bookworm", str(rootfs), "http://deb.debian.org/debian"])
        for rubbish in ("var/lib/apt/lists", "var/cache/apt", "usr/share/doc", "usr/share/man", "usr/share/locale"):
            shutil.rmtree(rootfs / rubbish, ignore_errors=True)
            (rootfs / rubbish).mkdir(parents=True)
        container = self.buildah("from", "scratch")
        self.buildah("add", container, str(rootfs), "/")
        self.buildah("config", "--cmd", "/bin/bash", container)
        self.buildah("commit", "--rm", container, BASE)
        shutil.rmtree(rootfs)

    def build(self, image: str, dockerfile: Path, context: Path, *options: str) -> None:
        self.buildah(
            "build", "--layers", "--format", "docker", "--network", "host", "--pull-never",
            "--build-arg", f"BASE={BASE}", *options, "-f", str(dockerfile), "-t", image, str(context),
        )  # fmt: skip

    def save(self, image: str) -> Path:
        """The image as an archive that `ctr images import` reads; kept while the image id is the same."""
        identity = self.buildah("inspect", "--type", "image", "--format", "{{.FromImageID}}", image).removeprefix(
            "sha256:"
        )
        name = image.rsplit("/", 1)[-1].replace(":", "-")
        archive = self.archives / f"{name}-{identity[:16]}.tar"
        if not archive.exists():
            for old in self.archives.glob(f"{name}-*.tar"):
                old.unlink()
            self.buildah("push", image, f"docker-archive:{archive}:{image}")
        return archive

    def close(self) -> None:
        """Leaves no working container and no mount behind."""
        self.buildah("rm", "--all")
        storage = str(self.cache / "containers")
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((m for m in mounts if m.startswith(storage)), reverse=True):
            run(["umount", mount])

    def size(self, image: str) -> int:
        """Bytes of all files of the image."""
        mount = self.buildah("from", "--pull-never", image)
        try:
            where = self.buildah("mount", mount)
            du = run(["du", "--summarize", "--bytes", "--one-file-system", where])
            return int(du.split()[0])
        finally:
            self.buildah("rm", mount)


def run(command: Sequence[str]) -> str:
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def pip_of_this_machine(scratch: Path) -> Iterator[str]:
    """buildah options that give pip in the build what pip has here: local wheels, local indexes and certificates."""
    settings = dict(
        line.split("=", 1) for line in run([sys.executable, "-m", "pip", "config", "list"]).splitlines() if "=" in line
    )
    links: list[str] = []
    lines = ["[global]"]
    for key in ("find-links", "index-url", "extra-index-url"):
        for name, quoted in settings.items():
            if name.split(".", 1)[1].replace("_", "-") == key:
                value = quoted.strip().strip("'\"")
                lines.append(f"{key} = {' '.join(value.split())}")
                # The pages of a local index link to files beside it.
                links += [str(Path(w[7:]).parent) if w.startswith("file://") else w for w in value.split()]
    certificates = next(
        (Path(p) for p in (os.environ.get("PIP_CERT"), "/etc/ssl/certs/ca-certificates.crt") if p), None
    )
    if certificates is not None and certificates.is_file():
        shutil.copy(certificates, scratch / "ca.pem")
        lines.append("cert = /run/pip/ca.pem")
    (scratch / "pip.conf").write_text("\n".join(dict.fromkeys(lines)) + "\n")
    yield from ("--volume", f"{scratch}:/run/pip:ro", "--env", "PIP_CONFIG_FILE=/run/pip/pip.conf")
    folders = dict.fromkeys(str(Path(p)) for p in links if p.startswith("/") and Path(p).is_dir())
    for folder in folders:
        yield from ("--volume", f"{folder}:{folder}:ro")


def build_all(cache: Path, model: Path) -> dict[str, Path]:
    """Image name -> archive, for everything that the cluster needs."""
    builder = Builder(cache)
    builder.base()
    scratch = cache / "pip"
    scratch.mkdir(exist_ok=True)
    pip = list(pip_of_this_machine(scratch))
    (cache / "Pausefile").write_text(PAUSE_FILE)
    builder.build(PAUSE, cache / "Pausefile", scratch)
    archives = {PAUSE: builder.save(PAUSE)}
    torch = next(
        line for line in (ROOT / "requirements/cpu.txt").read_text().splitlines() if line.startswith("torch==")
    )
    sizes: dict[str, int] = {}
    for service in SERVICES:
        image = f"{REPOSITORY}rlmr-{service}:{version()}"
        options = [*pip]
        if service == "writing-rm":
            options += ["--build-arg", "TORCH_ARGS=", "--build-arg", f"TORCH={torch}"]
        builder.build(image, ROOT / "services" / service.replace("-", "_") / "Dockerfile", ROOT, *options)
        archives[image] = builder.save(image)
        sizes[service] = builder.size(image)
        print(f"{image}: {sizes[service] / 1e6:.0f} MB of files", flush=True)
    image = f"{REPOSITORY}rlmr-story-world:{version()}"
    builder.build(image, ROOT / "deploy/story-world/Dockerfile", model)
    archives[image] = builder.save(image)
    (cache / "sizes.json").write_text(json.dumps(sizes))
    builder.close()
    return archives


if __name__ == "__main__":
    for name, path in build_all(Path(sys.argv[1]), Path(sys.argv[2])).items():
        print(f"{name}\t{path}")
