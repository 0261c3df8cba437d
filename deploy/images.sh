#!/usr/bin/env bash
# usage: deploy/images.sh [SERVICE...]        (default: aggregator verifier writing-rm)
# Builds the images of the services with the first of docker, podman and buildah that is there.
#   BUILDER     docker, podman or buildah
#   REGISTRY    prefix of the names, with its slash        TAG   default: the chart's appVersion
#   BUILD_ARGS  further options, such as --build-arg BASE=...
# story-world is the image of a model, built from the model directory named by CONTEXT.
set -euo pipefail
cd "$(dirname "$0")/.."

builder=${BUILDER:-$(command -v docker || command -v podman || command -v buildah || true)}
[ -n "$builder" ] || { echo "no image builder: install docker, podman or buildah" >&2; exit 1; }
tag=${TAG:-$(sed -n 's/^appVersion: "\(.*\)"/\1/p' helm/rlmr/Chart.yaml)}
format=()
# HEALTHCHECK is not part of the OCI image format.
case $(basename "$builder") in podman | buildah) format=(--format docker) ;; esac

[ $# -gt 0 ] || set -- aggregator verifier writing-rm
for service in "$@"; do
  name=${REGISTRY:-}rlmr-$service:$tag
  dockerfile=services/${service//-/_}/Dockerfile
  [ "$service" != story-world ] || dockerfile=deploy/story-world/Dockerfile
  echo "==> $name"
  # BUILD_ARGS is a list of words on purpose.
  # shellcheck disable=SC2086
  "$builder" build "${format[@]}" ${BUILD_ARGS:-} -f "$dockerfile" -t "$name" "${CONTEXT:-.}"
done
