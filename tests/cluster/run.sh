#!/usr/bin/env bash
# usage: tests/cluster/run.sh [pytest options]
#        RLMR_CLUSTER_KEEP=1 tests/cluster/run.sh ...     keeps the cluster and prints how to run tests in it again
# Brings up a real Kubernetes in namespaces of its own, installs the chart, and runs tests/cluster against it.
# The first run builds Kubernetes (4 to 8 minutes on two cores), the story world's model (3) and the images (4), all cached in
# ${XDG_CACHE_HOME:-~/.cache}/rlmr/cluster but for the model, which is the one of `make run`; RLMR_CLUSTER_MODEL names another.
# A run then takes 13 minutes, 15 when the code has changed and the images are built again. Needs root on Debian 12, 8 GB of memory and 16 GB of disk.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${RLMR_CLUSTER_PYTHON:-$(command -v python3)}
cache=${RLMR_CLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rlmr/cluster}
packages=(
  golang-1.19-go dpkg-dev rsync make                                    # to build Kubernetes
  etcd-server containerd runc containernetworking-plugins dnsmasq-base  # to run it
  conntrack iptables ethtool socat iproute2 openssl
  buildah debootstrap                                                   # to build the images
)

skip() { echo "cluster tests skipped: $*"; exit "${RLMR_CLUSTER_SKIP_CODE:-0}"; }
[ "$(uname -s)" = Linux ] || skip "they need Linux"
[ "$(id -u)" = 0 ] || skip "they need root (namespaces, mounts, network): run 'sudo make test-cluster'"
grep -qs '^ID=debian' /etc/os-release && command -v apt-get > /dev/null || skip "they need Debian: Kubernetes is built from its source package"
[ -e /sys/fs/cgroup/memory/tasks ] || skip "they need version 1 control groups: Kubernetes 1.20 does not run reliably on version 2"
unshare --net --mount --pid --fork true 2> /dev/null || skip "this machine does not allow new namespaces"

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "==> installing ${missing[*]}"
  # Their daemons must not start: the test runs its own.
  policy=/usr/sbin/policy-rc.d
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' > "$policy"; chmod +x "$policy"; trap 'rm -f "$policy"' EXIT; }
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
fi

tests/cluster/build-kubernetes.sh "$cache"
"$python" -m tests.cluster.prepare "$cache"

echo "==> starting the cluster"
state=$(mktemp -d "$cache/state-XXXXXX")
clean() {
  [ -z "${inside:-}" ] || { kill -KILL "$inside" 2> /dev/null || true; wait; } # unshare itself ignores signals
  # Every process ended with the PID namespace, every mount and interface with the others; files and control groups are left.
  "$python" -m tests.cluster.cgroups
  rm -rf "$state" "$cache/again.sh"
  if [ -n "${policy:-}" ] && [ ${#missing[@]} -gt 0 ]; then rm -f "$policy"; fi
}
trap clean EXIT
trap 'exit 143' INT TERM
export RLMR_CLUSTER_CACHE=$cache RLMR_CLUSTER_STATE=$state
test=("$python" -m pytest tests/cluster -m cluster --timeout=900)
# bash stays the first process of the PID namespace: it reaps what containers leave behind.
spaces=(unshare --net --mount --pid --fork --kill-child --mount-proc bash -c)
if [ -z "${RLMR_CLUSTER_KEEP:-}" ]; then
  "${spaces[@]}" '"$@"; exit $?' bash "${test[@]}" "$@"
else
  "${spaces[@]}" '"$@"; sleep infinity; exit' bash "${test[@]}" "$@" &
  until inside=$(pgrep --parent $!); do sleep 0.1; done
  {
    echo '#!/usr/bin/env bash'
    echo "cd '$PWD' && export RLMR_CLUSTER_KEEP=1 RLMR_CLUSTER_CACHE='$cache' RLMR_CLUSTER_STATE='$state'"
    echo "exec nsenter --target $inside --net --mount --pid --wd='$PWD' ${test[*]} \"\$@\""
  } > "$cache/again.sh"
  echo "==> the cluster is kept until this script is interrupted; tests in it again: bash $cache/again.sh [pytest options]"
  wait
fi
