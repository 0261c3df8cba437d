# Copies /model to $1, once: what is there is complete or not there at all. Two writers on one claim do no harm: each fills a
# directory of its own, and only the first can give it the final name.
set -eu
target=$1
if [ -e "$target/.rlmr-complete" ]; then echo "$target is complete"; exit 0; fi
part=$target.part-$(hostname)
rm -rf "$part"
mkdir -p "$part"
cp -rL /model/. "$part/"
date > "$part/.rlmr-complete"
sync
mv -T "$part" "$target" || { rm -rf "$part"; [ -e "$target/.rlmr-complete" ]; }
echo "$target is complete"
