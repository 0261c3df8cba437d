#!/usr/bin/env bash
# usage: build-kubernetes.sh CACHE
# Builds the Kubernetes programs that the cluster tests run, from Debian's own source package (the full upstream tree with
# its vendored modules; nothing else is downloaded), and leaves them in CACHE/kubernetes-1.20.2/bin. A second call does nothing.
# Takes 4 to 8 minutes on two cores; RLMR_BUILD_JOBS=1 keeps one core free for others.
set -euo pipefail

cache=$(readlink -f -m "${1:?usage: build-kubernetes.sh CACHE}")
version=1.20.2
package=1.20.5+really1.20.2
checksum=b83c0780efb182d928dc63d46488a847f161f04e40a94b96bf5247dd671ecdfc
programs=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)
out=$cache/kubernetes-$version/bin

complete() { for p in "${programs[@]}"; do [ -x "$out/$p" ] || return 1; done; }
complete && { echo "kubernetes $version is in $out"; exit 0; }

mkdir -p "$cache"
exec 9>"$cache/build.lock"
flock 9 # two test runs may start together; the second finds the programs there
complete && exit 0

work=$cache/build
rm -rf "$work"
mkdir -p "$work/apt/lists/partial" "$work/apt/sources.list.d" "$work/home" "$out"

# Source packages are looked up through a private copy of the machine's own Debian sources: its apt settings stay as they are.
for list in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
  [ -f "$list" ] || continue
  case $list in
    *.sources) sed 's/^Types: deb$/Types: deb-src/' "$list" > "$work/apt/sources.list.d/source.sources" ;;
    *.list) sed -n 's/^deb /deb-src /p' "$list" > "$work/apt/sources.list.d/source.list" ;;
  esac
done
apt_private() {
  "$1" -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/apt/sources.list.d" \
    -o Dir::State::lists="$work/apt/lists" -o APT::Sandbox::User=root "${@:2}"
}
cd "$work"
apt_private apt-get update
apt_private apt-get source --download-only "kubernetes=$package-1.1+deb12u1"
echo "$checksum  kubernetes_$package.orig.tar.gz" | sha256sum --check --quiet
dpkg-source --no-check -x kubernetes_"$package"-*.dsc tree > dpkg-source.log

cd tree
mkdir -p .go/src/k8s.io
ln -s ../../.. .go/src/k8s.io/kubernetes
jobs=${RLMR_BUILD_JOBS:-$(nproc)}
echo "building ${programs[*]} with $jobs job(s)"
env -u GOFLAGS GOPATH="$PWD/.go" GOCACHE="$work/go-cache" HOME="$work/home" GOFLAGS=-p="$jobs" GOMAXPROCS="$jobs" \
  CGO_ENABLED=0 PATH="/usr/lib/go-1.19/bin:$PATH" \
  make WHAT="$(printf 'cmd/%s ' "${programs[@]}")"
for p in "${programs[@]}"; do install -m 755 "_output/bin/$p" "$out/$p"; done
cd "$cache"
chmod -R u+w "$work" && rm -rf "$work" # 2 GB of sources and objects
echo "kubernetes $version is in $out"
